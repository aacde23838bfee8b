"""Reads what was de-identified with pydicom, and looks in its bytes for what identified the original.

Arguments: a file with lines "original<TAB>output", and optionally the path of dciodvfy. Prints one line for each thing
that is wrong; nothing else.
"""

import subprocess
import sys
import warnings

import pydicom
from pydicom.tag import Tag

warnings.filterwarnings("ignore")

IDENTIFYING = [
    0x00100010, 0x00100020, 0x00100030, 0x00101000, 0x00101001, 0x00101005, 0x00101040, 0x00101060, 0x00102154,
    0x00080050, 0x00080080, 0x00080081, 0x00080090, 0x00080092, 0x00081010, 0x00081040, 0x00081048, 0x00081050,
    0x00081060, 0x00081070, 0x00181000, 0x00200010, 0x00104000, 0x00204000, 0x00321032, 0x00380300, 0x00402016,
    0x0040A075, 0x0040A123, 0x00700084,
]
PERSONS = {"PN"}
PIXELS = [0x7FE00008, 0x7FE00009, 0x7FE00010]
CLASSES = ("1.2.840.10008.",)


def walk(data_set):
    for tag in data_set.keys():
        raw = data_set.get_item(tag)
        element = data_set[tag]
        yield element, raw
        if element.VR == "SQ":
            for item in element.value:
                yield from walk(item)


def raw_value(raw):
    value = getattr(raw, "value", None)
    return value if isinstance(value, bytes) else None


def needles(path):
    """Identifying values and UIDs of the original, as bytes."""
    found = {}
    data_set = pydicom.dcmread(path)
    raws = pydicom.dcmread(path)
    for element, raw in walk(raws):
        number = int(element.tag)
        value = raw_value(raw)
        if value is None:
            value = str(element.value).encode("utf-8", "replace")
        value = value.strip(b"\0 ")
        if number in IDENTIFYING or element.VR in PERSONS:
            parts = value.replace(b"=", b"^").split(b"^") if element.VR == "PN" else [value]
            for part in parts:
                part = part.strip()
                if len(part) >= 4 and part not in (b"19000101", b"REMOVED"):
                    found[part] = element.name
        keyword = pydicom.datadict.keyword_for_tag(element.tag)
        names_class = keyword.endswith(
            ("SOPClassUID", "TransferSyntaxUID", "ContextUID", "CodingSchemeUID", "MappingResourceUID")
        )
        if element.VR == "UI" and not names_class:
            for uid in value.split(b"\\"):
                uid = uid.strip(b"\0 ")
                if uid and not uid.startswith(b"1.2.840.10008."):
                    found[uid] = element.name
    return data_set, found


def searchable(path):
    """The bytes of an output without its pixels; a deflated data set is inflated."""
    import zlib

    data = open(path, "rb").read()
    syntax = pydicom.dcmread(path).file_meta.TransferSyntaxUID
    if syntax in ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95"):
        start = 132 + 12 + int.from_bytes(data[140:144], "little")
        data = data[:start] + zlib.decompress(data[start:], -15)
    for marker in (b"\xe0\x7f\x10\x00", b"\x7f\xe0\x00\x10", b"\xe0\x7f\x08\x00", b"\xe0\x7f\x09\x00"):
        at = data.rfind(marker)
        head = data[:at] if at > 0 else data
        if at > 0:
            return head
    return data


def iod_errors(tool, path):
    answer = subprocess.run([sys.executable, tool, path], capture_output=True, text=True, errors="replace")
    lines = {line for line in (answer.stderr + answer.stdout).splitlines() if line.startswith("Error")}
    # A value is not the same in both files; what is wrong with it is.
    return {line.split("<")[0].split(" = ")[0] + line.split(">")[-1] for line in lines}


def check(original, output, tool):
    before, found = needles(original)
    after = pydicom.dcmread(output)
    for _ in walk(after):
        pass
    if after.get("PatientIdentityRemoved") != "YES":
        yield "Patient Identity Removed is not YES"
    for tag in PIXELS:
        old, new = before.get_item(Tag(tag)), after.get_item(Tag(tag))
        if (old is None) != (new is None) or (old is not None and old.value != new.value):
            yield f"pixel data {tag:08X} changed"
    for element, _ in walk(after):
        if element.tag.is_private:
            yield f"private element {element.tag} stayed"
    data = searchable(output)
    for needle, name in found.items():
        if needle in data:
            at = data.find(needle)
            yield f"{name} stands in the output at {at}"
    if tool:
        for line in sorted(iod_errors(tool, output) - iod_errors(tool, original)):
            yield f"dciodvfy: {line}"


def main():
    tool = sys.argv[2] if len(sys.argv) > 2 else None
    for line in open(sys.argv[1], encoding="utf-8"):
        original, output = line.rstrip("\n").split("\t")
        for wrong in check(original, output, tool):
            print(f"{original.rsplit('/', 1)[-1]}: {wrong}")


main()
