"""What people read about a bounce class, in Spanish and English: one plain sentence beside the reply."""

from collections.abc import Mapping
from types import MappingProxyType

from mta.bounces.classes import BounceClass

C = BounceClass
LANGUAGES = ("es", "en")

_EXPLANATIONS: Mapping[BounceClass, tuple[str, str]] = MappingProxyType(
    {
        C.BAD_MAILBOX: ("El buzón no existe.", "The mailbox does not exist."),
        C.BAD_DOMAIN: (
            "El dominio no existe o no recibe correo.",
            "The domain does not exist or takes no mail.",
        ),
        C.INACTIVE: (
            "El buzón está cerrado o abandonado.",
            "The mailbox is closed or abandoned.",
        ),
        C.QUOTA: ("El buzón está lleno.", "The mailbox is full."),
        C.SPAM_CONTENT: (
            "El servidor tomó el mensaje por spam.",
            "The server took the message for spam.",
        ),
        C.SPAM_REPUTATION: (
            "El servidor no confía en nuestra dirección o dominio; el destinatario no tiene la culpa.",
            "The server does not trust our address or domain; the recipient is not to blame.",
        ),
        C.POLICY: (
            "El servidor lo rechazó por una regla propia.",
            "The server refused it by a rule of its own.",
        ),
        C.AUTH_FAILURE: (
            "Falta o falla la autenticación del dominio remitente (SPF, DKIM o DMARC).",
            "The sending domain's authentication is missing or fails (SPF, DKIM or DMARC).",
        ),
        C.GREYLIST: (
            "El servidor pide intentarlo de nuevo en unos minutos.",
            "The server asks to try again in some minutes.",
        ),
        C.RATE_LIMIT: (
            "Demasiado correo en poco tiempo; se sigue más despacio.",
            "Too much mail in too short a time; it goes on more slowly.",
        ),
        C.ROUTING: (
            "Ese servidor no atiende el dominio, o el correo da vueltas.",
            "That server does not serve the domain, or the mail runs in a loop.",
        ),
        C.PROTOCOL: (
            "El servidor no entendió la forma del mensaje.",
            "The server did not understand the message's form.",
        ),
        C.TLS: (
            "No se logró una conexión cifrada.",
            "No encrypted connection could be made.",
        ),
        C.MESSAGE_TOO_BIG: (
            "El mensaje es demasiado grande para ese servidor.",
            "The message is too large for that server.",
        ),
        C.TRANSIENT_OTHER: (
            "Falla pasajera del otro servidor o de la red.",
            "A passing fault of the other server or of the network.",
        ),
        C.EXPIRED: (
            "No se pudo entregar a tiempo.",
            "It could not be delivered in time.",
        ),
        C.SUPPRESSED: (
            "La dirección está en una lista de exclusión.",
            "The address is on a suppression list.",
        ),
    }
)


def explanation(bounce_class: str, language: str) -> str:
    """One sentence in that language; empty for a class that this release does not know."""
    try:
        texts = _EXPLANATIONS[BounceClass(bounce_class)]
    except ValueError:
        return ""
    return texts[LANGUAGES.index(language)]
