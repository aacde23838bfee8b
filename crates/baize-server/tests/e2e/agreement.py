"""Asks Baize and Orthanc the same questions about the same objects, and says where their answers differ.

What Orthanc answers differently by its own choice is listed below; anything else is a failure.
"""

import math
import sys
import time
from urllib.parse import quote

import pydicom
import requests

ours_url, key, theirs_url, *files = sys.argv[1:]
ours = requests.Session()
ours.headers["X-API-Key"] = key
theirs = requests.Session()
JSON = {"Accept": "application/dicom+json"}
trouble = []

# Objects that one of the two does not take.
NOT_COMPARED = {
    "HTJ2K_08_RGB.dcm": "has neither Study nor Series Instance UID",
    "bad_sequence.dcm": "its UIDs are hexadecimal digests",
    "OT-PAL-8-face.dcm": "is no Part 10 file: it has no preamble",
    "explicit_VR-UN.dcm": "Orthanc does not find its UIDs, which are of VR UN",
    "sr_document.dcm": "stands in a series of CT images",
}

# Return attributes of PS3.18 tables 10.6.3-3 to 10.6.3-5 that both must give, and give the same.
STUDY = ["00080020", "00080030", "00080050", "00080061", "00080090", "00100010", "00100020", "00100030", "00100040",
         "0020000D", "00200010", "00201206", "00201208"]
SERIES = ["00080060", "0020000D", "0020000E", "00200011", "00201209"]
INSTANCE = ["00080016", "00080018", "0020000D", "0020000E", "00200013", "00280010", "00280011", "00280100"]
ROW = {"studies": STUDY, "series": SERIES, "instances": INSTANCE}
UID = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}

# What Orthanc (1.10 with its DICOMweb plugin 1.7) does otherwise, each with what is done about it here.
#
# 1. It does not decode `%2A`, `%3F`, `%5E` and `%20` in a query: `*` and `?` are sent as they are, and `?` instead of the
#    others.
# 2. Of a name it gives searches the alphabetic writing only: the others are compared in the metadata.
# 3. For a range of dates without a beginning it also finds studies without a date, which PS3.4 section C.2.2.2.5 does not:
#    these are left out.
# 4. It knows one modality for a series, that of its first object: an object of another one is not compared.
# 5. In metadata it leaves out compressed Pixel Data, palette descriptors whose VR has to be worked out, and empty items.
# 6. It compares a name as a whole: patients with several writings are left out where names are asked for, and empty
#    components at the end are asked for.
# 7. It splits texts of VR ST, LT and UT at a backslash, which is a character there like any other (PS3.5 section 6.2).
NOT_IN_METADATA = {"7FE00010", "00281101", "00281102", "00281103"}


def plain(value):
    """A value without what does not count: padding, the type of a number, empty groups of a name."""
    if isinstance(value, str):
        text = value.strip(" \0\r\n\t")
        try:
            return float(text)
        except ValueError:
            return text or None
    if isinstance(value, (int, float)):
        return "NaN" if math.isnan(value) else float(value)
    if isinstance(value, dict):
        return {group: text.rstrip(" ^") for group, text in value.items() if text.rstrip(" ^")} or None
    return value


def values(element):
    found = [plain(value) for value in (element or {}).get("Value", [])]
    while found and found[-1] is None:
        found.pop()
    return found


def ask(session, url, path, parameters):
    query = "&".join(f"{name}={quote(str(value), safe='*?^,-')}" for name, value in parameters.items())
    answer = session.get(f"{url}/{path}?{query}", headers=JSON)
    if answer.status_code == 204:
        return []
    assert answer.status_code == 200, f"{url}/{path} {parameters}: {answer.status_code} {answer.text[:300]}"
    return answer.json()


def compare_rows(what, level, one, other):
    by_uid = [{row[UID[level]]["Value"][0]: row for row in rows} for rows in (one, other)]
    if by_uid[0].keys() != by_uid[1].keys():
        only = by_uid[0].keys() - by_uid[1].keys(), by_uid[1].keys() - by_uid[0].keys()
        trouble.append(f"{what}: only ours {sorted(only[0])}, only theirs {sorted(only[1])}")
    for uid in by_uid[0].keys() & by_uid[1].keys():
        row, theirs_row = by_uid[0][uid], by_uid[1][uid]
        for tag in ROW[level]:
            a, b = values(row.get(tag)), values(theirs_row.get(tag))
            if tag == "00100010":
                a, b = ([name and name.get("Alphabetic") for name in names] for names in (a, b))
                a, b = ([name for name in names if name] for names in (a, b))
            if tag == "00080061":
                a, b = sorted(map(str, a)), sorted(map(str, b))
            if a != b:
                trouble.append(f"{what}: {uid} {tag}: ours {a}, theirs {b}")


def question(level, path=None, **parameters):
    path = path or level
    what = f"{path}?{parameters}"
    one, other = ask(ours, ours_url, path, parameters), ask(theirs, theirs_url, path, parameters)
    if str(parameters.get("StudyDate")).startswith("-"):
        other = [row for row in other if values(row.get("00080020"))]
    if "PatientName" in parameters:
        one, other = (
            [row for row in rows if row["0020000D"]["Value"][0] not in several_writings] for rows in (one, other)
        )
    compare_rows(what, level, one, other)
    return one


def store(session, url, content):
    body = b"--baize-peer-7f3a9c\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--baize-peer-7f3a9c--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=baize-peer-7f3a9c'
    return session.post(f"{url}/studies", data=body, headers={"Content-Type": kind, **JSON}).status_code


# The same objects into both.
stored = {}
for path in files:
    with open(path, "rb") as file:
        content = file.read()
    uid = str(pydicom.dcmread(path, stop_before_pixels=True, force=True).get("SOPInstanceUID", ""))
    if not uid or uid in stored:
        continue
    if path.rsplit("/", 1)[-1] in NOT_COMPARED:
        continue
    taken = store(ours, ours_url, content), store(theirs, theirs_url, content)
    if taken != (200, 200):
        trouble.append(f"{path}: Baize answers {taken[0]} and Orthanc {taken[1]}")
        continue
    stored[uid] = path
assert not trouble, "\n".join(trouble)

# Results go to Orthanc by C-STORE and stand beside the images here: wait until both have them all.
root = ours_url.removesuffix("/dicomweb")
for _ in range(1200):
    studies = ours.get(f"{root}/v1/studies?limit=500").json()["studies"]
    pending = sum(study["progress"]["pending"] for study in studies)
    waiting = [
        one for name in ("@archive", "orthanc") for one in
        ours.get(f"{root}/v1/outbox?limit=500&destination={name}").json()["deliveries"]
        if one["state"] != "acknowledged"
    ]
    if not pending and not waiting:
        break
    refused = [one for one in waiting if one["state"] == "refused"]
    assert not refused, refused
    time.sleep(0.1)
else:
    raise AssertionError(f"results are still on their way: {waiting}")

# Searching.
everything = question("studies", limit=1000)
assert len(everything) > 0
question("series", limit=1000)
instances = question("instances", limit=1000)
assert len(instances) >= len(stored)
written = [name for row in everything for name in row.get("00100010", {}).get("Value", []) if name]
names = sorted({name["Alphabetic"].replace("^", "?").replace(" ", "?") for name in written if "Alphabetic" in name})
several_writings = {
    row["0020000D"]["Value"][0] for row in everything
    if any(name and len(name) > 1 for name in row.get("00100010", {}).get("Value", []))
}
ids = sorted({str(row["00100020"]["Value"][0]) for row in everything if row.get("00100020", {}).get("Value")})
dates = sorted({row["00080020"]["Value"][0] for row in everything if row.get("00080020", {}).get("Value")})
# A date of the standard before DICOM is shown as it stands, but nobody asks for one.
dates = [date for date in dates if date.isdigit()]
for name in names:
    question("studies", PatientName=name)
    question("studies", PatientName=f"{name[:3]}*")
    question("studies", PatientName=f"*{name[-2:]}")
    question("studies", PatientName=f"?{name[1:]}")
    question("studies", PatientName=name.lower())
for id in ids:
    question("studies", PatientID=id)
question("studies", PatientID="nobody")
for date in dates:
    question("studies", StudyDate=date)
    question("studies", StudyDate=f"{date}-")
    question("studies", StudyDate=f"-{date}")
question("studies", StudyDate=f"{dates[0]}-{dates[-1]}")
modalities = sorted({value for row in everything for value in row["00080061"]["Value"]})
for modality in modalities:
    question("studies", ModalitiesInStudy=modality)
    question("series", Modality=modality, limit=1000)
    question("instances", Modality=modality, limit=1000)
question("series", Modality="S*", limit=1000)
question("instances", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.34", limit=1000)
question("studies", StudyInstanceUID=everything[0]["0020000D"]["Value"][0])
question("studies", includefield="StudyDescription,00081030")
for row in everything:
    study = row["0020000D"]["Value"][0]
    for found in question("series", f"studies/{study}/series"):
        series = found["0020000E"]["Value"][0]
        question("instances", f"studies/{study}/series/{series}/instances")
    question("instances", f"studies/{study}/instances")

# Page by page it is the same whole.
pages = []
while page := ask(ours, ours_url, "instances", {"limit": 7, "offset": len(pages)}):
    pages += page
assert pages == instances, "pages"


def without_empty_items(sequence):
    return {**sequence, "Value": [item for item in sequence.get("Value", []) if item]}


def compare(found, expected, where):
    """Says where two data sets of the DICOM JSON model differ, apart from large values."""
    leave = {"00080005", "00083002", "FFFCFFFC"}
    tags = {tag for tag in found.keys() | expected.keys() if tag not in leave and not tag.endswith("0000")}
    for tag in sorted(tags):
        place = f"{where}{tag}"
        one, other = found.get(tag), expected.get(tag)
        if (other is None and tag in NOT_IN_METADATA) or int(tag[3], 16) % 2 == 1:
            # Private attributes mean what their makers' dictionaries say.
            continue
        if one and one["vr"] == "SQ":
            one, other = without_empty_items(one), without_empty_items(other or one)
        if one is None or other is None:
            trouble.append(f"{place}: ours {str(one)[:80]}, theirs {str(other)[:80]}")
        elif one["vr"] != other["vr"]:
            trouble.append(f"{place}: {one['vr']}, theirs {other['vr']}")
        elif one["vr"] == "SQ":
            items = one.get("Value", []), other.get("Value", [])
            if len(items[0]) != len(items[1]):
                trouble.append(f"{place}: {len(items[0])} items, theirs {len(items[1])}")
            for number, (item, theirs_item) in enumerate(zip(*items)):
                compare(item, theirs_item, f"{place}/{number}/")
        elif {"BulkDataURI", "InlineBinary"} & (one.keys() | other.keys()):
            continue
        elif one["vr"] in ("ST", "LT", "UT") and "\\".join(other.get("Value", [])) == "".join(one.get("Value", [])):
            continue
        elif values(one) != values(other):
            trouble.append(f"{place}: {str(values(one))[:80]}, theirs {str(values(other))[:80]}")


for row in instances:
    study, series, sop = (row[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
    path = f"studies/{study}/series/{series}/instances/{sop}/metadata"
    [one], [other] = ask(ours, ours_url, path, {}), ask(theirs, theirs_url, path, {})
    compare(one, other, f"{stored.get(sop, 'a result').rsplit('/', 1)[-1]} ")

assert not trouble, f"{len(trouble)} differences\n" + "\n".join(trouble)
print(f"{len(instances)} objects, {len(everything)} studies: the same answers")
