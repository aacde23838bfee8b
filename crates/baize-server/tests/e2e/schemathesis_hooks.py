"""How objects are sent for storage: schemathesis itself has no `multipart/related`."""

import schemathesis

BOUNDARY = "baize-test"
TYPE = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'


@schemathesis.serializer("multipart/related")
def multipart_related(context, value):
    part = value.data if hasattr(value, "data") else str(value).encode()
    head = f"--{BOUNDARY}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    return head + part + f"\r\n--{BOUNDARY}--\r\n".encode()


@schemathesis.hook
def before_call(context, case, **kwargs):
    if case.headers is not None and case.media_type == "multipart/related":
        case.headers["Content-Type"] = TYPE
