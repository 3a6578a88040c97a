"""A Django program that sends with django-anymail: run with URL, key, provider and sender.

Prints, as JSON, what anymail knows of each mail that it sent.
"""

import json
import sys
import warnings
from email.mime.image import MIMEImage

import django
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

url, key, provider, sender = sys.argv[1:]
warnings.simplefilter("ignore")  # anymail's own, on SendGrid
settings.configure(
    EMAIL_BACKEND=f"anymail.backends.{provider}.EmailBackend",
    DEFAULT_FROM_EMAIL=sender,
    USE_TZ=True,
    ANYMAIL={
        "SENDGRID_API_KEY": key,
        "SENDGRID_API_URL": f"{url}/v3/",
        "SENDGRID_MERGE_FIELD_FORMAT": "-{}-",
        "POSTMARK_SERVER_TOKEN": key,
        "POSTMARK_API_URL": f"{url}/",
    },
)
django.setup()
told = []


def send(mail):
    """Send one and note what became of it."""
    try:
        mail.send()
        status = mail.anymail_status
        people = {to: one.status for to, one in status.recipients.items()}
        told.append({"status": sorted(status.status), "recipients": people})
    except Exception as error:  # the test reads it
        told.append({"error": type(error).__name__, "text": str(error)})


def make(to, subject="Su recibo ñ", **more):
    """A mail with both texts."""
    mail = EmailMultiAlternatives(subject, "Hola, señora", f"Caja <{sender}>", to, **more)
    mail.attach_alternative('<p>Hola, <b>señora</b> <img src="cid:logo"></p>', "text/html")
    return mail


mail = make(
    [f"Ana Quispe <dj-{provider}@sandbox.test>"],
    cc=[f"dj-{provider}-cc@sandbox.test"],
    bcc=[f"dj-{provider}-bcc@sandbox.test"],
    reply_to=["ayuda@sender.test"],
    headers={"X-Pedido": "4711"},
)
mail.attach("año.csv", b"a,b\n1,2\n", "text/csv")
image = MIMEImage(b"\x89PNG", "png")
image.add_header("Content-ID", "<logo>")
image.add_header("Content-Disposition", "inline", filename="logo.png")
mail.attach(image)
mail.tags = ["recibos"]
mail.metadata = {"pedido": "77"}
mail.track_opens, mail.track_clicks = True, False
send(mail)

mail = make([f"dj-{provider}-m1@sandbox.test", f"dj-{provider}-m2@sandbox.test"])
if provider == "sendgrid":
    mail.subject = "Hola -nombre-"
    mail.merge_data = {to: {"nombre": to[:14]} for to in mail.to}
else:
    mail.merge_metadata = {to: {"quien": to[:14]} for to in mail.to}
send(mail)

send(make(["ok@sandbox.test"], connection=get_connection(fail_silently=False)))
wrong = make(["ok@sandbox.test"])
wrong.from_email = "app@elsewhere.test"
send(wrong)
print(json.dumps(told))
