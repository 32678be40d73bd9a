"""Writes letters into the folder that is named, as NAME.eml, and what Python's own reader finds attached to each, as
NAME/0, NAME/1, ... with the names in NAME/names."""
import email
import email.policy
import os
import random
import sys
from email.message import EmailMessage
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

folder = sys.argv[1]
chance = random.Random(8)


def letters():
    plain = EmailMessage()
    plain["Subject"] = "tri"
    plain.set_content("Zdravo!\n")
    for size in (0, 1, 2, 3, 4, 57, 58, 1000, 70000):
        plain.add_attachment(chance.randbytes(size), "application", "octet-stream", filename=f"{size}.bin")
    yield "sizes", plain

    text = EmailMessage()
    text.set_content("Žuta\n")
    for coding in ("quoted-printable", "base64", "8bit"):
        content = "šljiva = 1\n\n.\n  blanks \nlong " + "đ" * 200 + "\n"
        text.add_attachment(content, subtype="plain", cte=coding, filename=f"šljiva {coding}.txt")
    yield "texts", text

    old = MIMEMultipart()
    old["Subject"] = "=?iso-8859-2?Q?=AEuta?="
    old.attach(MIMEText("Žuta", "plain", "iso-8859-2"))
    for name in ("Žuta knjiga veoma dugog imena " * 6 + ".pdf", 'with "quotes".pdf', "semi;colon.pdf"):
        part = MIMEApplication(chance.randbytes(100), "pdf")
        part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", name))
        old.attach(part)
    yield "names", old

    outer = EmailMessage()
    outer.set_content("outer\n")
    outer.add_alternative("<p>outer</p>\n", subtype="html")
    outer.get_payload()[1].add_related(chance.randbytes(300), "image", "png", filename="slika.png")
    outer.add_attachment(chance.randbytes(30), "application", "zip", filename="a.zip")
    yield "nested", outer


for name, letter in letters():
    for ending, policy in (("lf", email.policy.default), ("crlf", email.policy.SMTP)):
        written = letter.as_bytes(policy=policy.clone(max_line_length=78))
        kept = os.path.join(folder, f"{name}-{ending}")
        os.makedirs(kept)
        with open(kept + ".eml", "wb") as file:
            file.write(written)
        names = []
        for part in email.message_from_bytes(written, policy=email.policy.default).walk():
            if part.get_filename() is not None:
                with open(os.path.join(kept, str(len(names))), "wb") as file:
                    file.write(part.get_payload(decode=True))
                names.append(part.get_filename())
        with open(os.path.join(kept, "names"), "w", encoding="utf-8") as file:
            file.write("\n".join(names))
