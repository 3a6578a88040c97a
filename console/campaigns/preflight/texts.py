"""What each finding says, with its remedy: severity, Spanish, English. Documented for people as it is.

E: an error, W: a warning, I: information.
"""

from collections.abc import Mapping
from types import MappingProxyType

TEXTS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "content.missing": (
            "E",
            "Falta el remitente, el asunto o el contenido: complételo.",
            "The sender, the subject or the content is missing: complete it.",
        ),
        "content.broken": (
            "E",
            "El contenido no se puede usar: {problem}. Corríjalo.",
            "The content cannot be used: {problem}. Correct it.",
        ),
        "audience.missing": (
            "E",
            "No hay destinatarios: suba un archivo o elija una lista.",
            "There is no audience: upload a file or choose a list.",
        ),
        "audience.empty": (
            "E",
            "Después de las exclusiones no queda ningún destinatario.",
            "After exclusions nobody is left to write to.",
        ),
        "audience.counts": (
            "I",
            (
                "Destinatarios: {accepted}. Quedan fuera: {left_out} (duplicados, inválidos, bloqueos o "
                "bajas)."
            ),
            (
                "Recipients: {accepted}. Left out: {left_out} (duplicates, invalid, suppressed or "
                "unsubscribed)."
            ),
        ),
        "audience.training": (
            "W",
            "Direcciones fuera de la lista permitida de esta cuenta de capacitación: {others}. No les llegará.",
            "Addresses that this training account may not write to: {others}. They get nothing.",
        ),
        "quota.short": (
            "E",
            "La bolsa no alcanza: hacen falta {needed} envíos y quedan {left}.",
            "The bag has not enough: {needed} sends are needed and {left} are left.",
        ),
        "quota.closed": (
            "E",
            "El contrato no está vigente ({problem}): no se puede enviar.",
            "The contract is not in its term ({problem}): nothing can be sent.",
        ),
        "quota.enough": (
            "I",
            "Envíos que usa: {needed}. Quedarán {left} en la bolsa.",
            "Sends that it takes: {needed}. The bag will have {left}.",
        ),
        "sender.foreign": (
            "E",
            "El dominio {domain} no es de esta cuenta: agréguelo y verifíquelo, o cambie el remitente.",
            "The domain {domain} is not this account's: add and verify it, or change the sender.",
        ),
        "replies.foreign": (
            "E",
            "Las respuestas irían a {domain}, que es de otra cuenta: cambie la dirección de respuesta.",
            "Replies would go to {domain}, which is another account's: change the reply address.",
        ),
        "sender.dkim": (
            "W",
            "DKIM de {domain} no está verificado: publique el registro o muchos correos irán a spam.",
            "DKIM of {domain} is not verified: publish the record, or much mail will be spam.",
        ),
        "sender.spf": (
            "W",
            "SPF de {domain} no nos autoriza: publique el registro indicado en Dominios.",
            "SPF of {domain} does not name us: publish the record shown under Domains.",
        ),
        "sender.dmarc": (
            "W",
            "{domain} no tiene DMARC: Gmail y Yahoo lo exigen para envíos masivos.",
            "{domain} has no DMARC: Gmail and Yahoo ask bulk senders for it.",
        ),
        "unsubscribe.missing": (
            "E",
            "Es publicidad y no hay baja con un clic: configure la dirección pública del servidor.",
            "It is commercial and has no one-click unsubscribe: set the server's public URL.",
        ),
        "commercial.subject": (
            "E",
            "Es publicidad: el asunto debe empezar con PUBLICIDAD (Ley 28493).",
            "It is commercial: the subject has to begin with PUBLICIDAD (Peruvian law 28493).",
        ),
        "commercial.sender": (
            "E",
            "Es publicidad: ponga el nombre del remitente (Ley 28493).",
            "It is commercial: give the sender's name (Peruvian law 28493).",
        ),
        "commercial.address": (
            "W",
            "Es publicidad: no se ve una dirección postal en el texto; agréguela (Ley 28493).",
            "It is commercial: no postal address is seen in the text; add it (law 28493).",
        ),
        "fields.unknown": (
            "E",
            "El campo «{field}» no existe en los destinatarios: corrija el nombre o quítelo.",
            "The field “{field}” does not exist in the audience: correct its name or remove it.",
        ),
        "fields.like": (
            "E",
            "El campo «{field}» no existe en los destinatarios: ¿quiso decir «{meant}»?",
            "The field “{field}” does not exist in the audience: did you mean “{meant}”?",
        ),
        "fields.nobody": (
            "W",
            (
                "Los destinatarios no tienen el campo «{field}»: todos recibirán «{default}». "
                "Quítelo si no lo necesita."
            ),
            (
                "The audience does not have the field “{field}”: everybody gets “{default}”. "
                "Remove it if you do not need it."
            ),
        ),
        "fields.empty": (
            "E",
            (
                "El campo «{field}» está vacío en {empty} de {total} filas y no tiene valor por defecto: "
                'escriba {{{{ {field} | default: "…" }}}}, o póngalo entre {{% if {field} %}} y '
                "{{% endif %}}."
            ),
            (
                "The field “{field}” is empty in {empty} of {total} rows and has no default: write "
                '{{{{ {field} | default: "…" }}}}, or put it between {{% if {field} %}} and '
                "{{% endif %}}."
            ),
        ),
        "files.attached": (
            "W",
            (
                "Lleva {count} archivos adjuntos: un enlace llega mejor y dice quién lo abrió. "
                "Adjunte solo lo que deba ir dentro del correo."
            ),
            (
                "It carries {count} attachments: a link arrives better and tells who opened it. "
                "Attach only what has to be in the mail."
            ),
        ),
        "size.heavy": (
            "W",
            "Cada correo pesa {size} KB con sus adjuntos: el envío tarda más y algunos lo rechazan.",
            "Each mail has {size} KB with its attachments: sending takes longer and some refuse it.",
        ),
        "fields.default": (
            "I",
            "{empty} de {total} filas usarán el valor por defecto de «{field}».",
            "{empty} of {total} rows will use the default of “{field}”.",
        ),
        "size.clipped": (
            "W",
            "El HTML pesa {size} KB: Gmail corta lo que pasa de 102 KB. Acórtelo.",
            "The HTML has {size} KB: Gmail clips what is beyond 102 KB. Shorten it.",
        ),
        "images.alt": (
            "W",
            "{count} imágenes sin texto alternativo: agregue alt para quien no las ve.",
            "{count} images without alternative text: add alt for those who do not see them.",
        ),
        "images.only": (
            "W",
            "Casi todo son imágenes: agregue texto, o parecerá spam.",
            "It is almost images only: add text, or it looks like spam.",
        ),
        "text.missing": (
            "W",
            "No hay parte de texto: agréguela para lectores sin HTML.",
            "There is no text part: add one for readers without HTML.",
        ),
        "links.http": (
            "W",
            "Enlace sin cifrar: {link}. Use https.",
            "Link without encryption: {link}. Use https.",
        ),
        "links.shortener": (
            "W",
            "Enlace acortado: {link}. Use la dirección completa; los filtros desconfían.",
            "Shortened link: {link}. Use the full address; filters distrust it.",
        ),
        "links.address": (
            "W",
            "El enlace {link} usa un número IP: use un nombre de dominio.",
            "The link {link} uses an IP address: use a domain name.",
        ),
        "links.mismatch": (
            "W",
            "El texto muestra {shown} pero el enlace va a {link}: parece fraude.",
            "The text shows {shown} but the link goes to {link}: it looks like fraud.",
        ),
        "links.script": (
            "E",
            "El enlace {link} no se puede enviar por correo: quítelo.",
            "The link {link} cannot be mailed: remove it.",
        ),
        "subject.long": (
            "I",
            "El asunto tiene {count} caracteres: en el teléfono se ven unos 40.",
            "The subject has {count} characters: telephones show about 40.",
        ),
        "subject.capitals": (
            "W",
            "El asunto está en mayúsculas: escríbalo en minúsculas.",
            "The subject is in capitals: write it in lower case.",
        ),
        "subject.marks": (
            "W",
            "Demasiados signos de exclamación o pregunta en el asunto: deje uno.",
            "Too many exclamation or question marks in the subject: leave one.",
        ),
        "subject.reply": (
            "W",
            "El asunto finge una respuesta o reenvío («{start}»): quítelo.",
            "The subject pretends to be a reply or forward (“{start}”): remove it.",
        ),
        "spam.words": (
            "W",
            "Palabras que los filtros conocen del spam: {words}. Dígalo de otra manera.",
            "Words that filters know from spam: {words}. Say it in another way.",
        ),
        "filter.spam": (
            "W",
            "{filter} lo toma por spam: {score} puntos (límite {limit}); reglas: {rules}.",
            "{filter} takes it for spam: {score} points (limit {limit}); rules: {rules}.",
        ),
        "filter.passed": (
            "I",
            "{filter} lo deja pasar: {score} puntos (límite {limit}).",
            "{filter} lets it pass: {score} points (limit {limit}).",
        ),
        "filter.silent": (
            "I",
            "El filtro de spam no respondió, así que no opina: {problem}.",
            "The spam filter did not answer, so it has no say: {problem}.",
        ),
        "spam.hidden": (
            "W",
            "Hay texto invisible (mismo color o tamaño 0): quítelo.",
            "There is hidden text (size 0 or no colour of its own): remove it.",
        ),
        "forecast.warm_up": (
            "I",
            "El remitente es nuevo y envía un poco más cada día. Días que tardará: {days}.",
            "The sender is new and sends a little more each day. Days it takes: {days}.",
        ),
        "forecast.even": (
            "I",
            "Con los límites de hoy tardará cerca de {minutes} min.",
            "Under today's limits it takes about {minutes} min.",
        ),
        "forecast": (
            "I",
            "Con los límites de hoy tardará cerca de {minutes} min; el más lento es {slowest}.",
            "Under today's limits it takes about {minutes} min; the slowest is {slowest}.",
        ),
        "plan.late": (
            "W",
            "No terminará antes de su propio fin: lo que falte se cancelará.",
            "It will not be done before its own end: what is left will be cancelled.",
        ),
    }
)
