"""The envelope of SOAP answers."""

XML_TYPE = "text/xml;charset=UTF-8"


def envelope(names: str, content: str) -> bytes:
    """Return `content` in an envelope that declares the further namespaces `names`."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
        'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        f"{names} "
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Body>{content}</soapenv:Body></soapenv:Envelope>"
    )
    return text.encode()
