"""Stores files over STOW-RS and checks that QIDO-RS and WADO-RS give back what pydicom reads in them."""

import io
import math
import sys

import numpy
import pydicom
import requests
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom.encaps import generate_frames

url, key, *files = sys.argv[1:]
session = requests.Session()
session.headers["X-API-Key"] = key
client = DICOMwebClient(url=url, session=session)
trouble = []

# What no archive could keep: there is nothing to file it under. Each of the four UIDs is type 1 (PS3.3 sections C.7.2.1,
# C.7.3.1 and C.12.1), and a UID is made of numbers and dots (PS3.5 section 9.1).
NOT_OBJECTS = {
    "chrSQEncoding.dcm": "has no UIDs at all",
    "HTJ2K_08_RGB.dcm": "has neither Study nor Series Instance UID",
    "bad_sequence.dcm": "its UIDs are hexadecimal digests",
}


def store(path):
    with open(path, "rb") as file:
        content = file.read()
    body = b"--baize-peer-7f3a9c\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--baize-peer-7f3a9c--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=baize-peer-7f3a9c'
    answer = session.post(f"{url}/studies", data=body, headers={"Content-Type": kind})
    name = path.rsplit("/", 1)[-1]
    if answer.status_code != 200:
        assert answer.status_code == 409 and name in NOT_OBJECTS, f"{path}: {answer.status_code} {answer.text}"
        return None
    assert name not in NOT_OBJECTS, f"{path}: {NOT_OBJECTS[name]}"
    return content


def plain(value):
    """A value without what does not count: padding, the type of a number."""
    if isinstance(value, str):
        text = value.strip(" \0\r\n\t")
        try:
            return float(text)
        except ValueError:
            return text or None
    if isinstance(value, (int, float)):
        return "NaN" if math.isnan(value) else float(value)
    if isinstance(value, dict):
        return {group: text.rstrip(" ") for group, text in value.items() if text} or None
    return value


def compare(found, expected, where):
    """Says where two data sets of the DICOM JSON model differ, apart from large values."""
    # Ours says Unicode and names the transfer syntax; group lengths and trailing padding are of another encoding.
    leave = {"00080005", "00083002", "FFFCFFFC"}
    tags = {tag for tag in found.keys() | expected.keys() if tag not in leave and not tag.endswith("0000")}
    for tag in sorted(tags):
        place = f"{where}{tag}"
        ours, theirs = found.get(tag), expected.get(tag)
        if ours is None or theirs is None:
            trouble.append(f"{place}: ours {str(ours)[:80]}, pydicom's {str(theirs)[:80]}")
            continue
        if int(tag[3], 16) % 2 == 1 and ours["vr"] != theirs["vr"]:
            # pydicom has a dictionary of private attributes.
            continue
        if ours["vr"] != theirs["vr"]:
            trouble.append(f"{place}: {ours['vr']} and not {theirs['vr']}")
        elif ours["vr"] == "SQ":
            items = ours.get("Value", []), theirs.get("Value", [])
            if len(items[0]) != len(items[1]):
                trouble.append(f"{place}: {len(items[0])} items and not {len(items[1])}")
            for number, (item, other) in enumerate(zip(*items)):
                compare(item, other, f"{place}/{number}/")
        elif "BulkDataURI" in ours or "BulkDataURI" in theirs:
            continue
        elif "InlineBinary" in theirs or "InlineBinary" in ours:
            if ours.get("InlineBinary", "") != theirs.get("InlineBinary", ""):
                trouble.append(f"{place}: other bytes")
        else:
            values = [[plain(value) for value in one.get("Value", [])] for one in (ours, theirs)]
            for one in values:
                while one and one[-1] is None:
                    one.pop()
            if values[0] != values[1]:
                trouble.append(f"{place}: {str(values[0])[:80]} and not {str(values[1])[:80]}")


def check(path, content):
    ds = pydicom.dcmread(path)
    uids = ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID
    address = "{}/studies/{}/series/{}/instances/{}".format(url, *uids)

    single = session.get(address, headers={"Accept": "application/dicom"})
    assert single.content == content, f"{path}: other bytes"
    assert client.retrieve_instance(*uids) == ds, f"{path}: another data set"

    [metadata] = [client.retrieve_instance_metadata(*uids)]
    syntax = ds.file_meta.TransferSyntaxUID
    if syntax != "1.2.840.10008.1.2.2":
        # pydicom leaves binary values in big endian, which JSON does not have.
        expected = ds.to_json_dict(
            bulk_data_threshold=1024, bulk_data_element_handler=lambda _: "there", suppress_invalid_tags=True
        )
        compare(metadata, expected, f"{path.rsplit('/', 1)[-1]} ")

    if "PixelData" not in ds:
        return
    count = int(ds.get("NumberOfFrames", 1) or 1)
    frames = client.retrieve_instance_frames(*uids, frame_numbers=[count])
    if syntax.is_encapsulated:
        expected = list(generate_frames(ds.PixelData, number_of_frames=count))[-1]
        assert frames[0].rstrip(b"\0") == expected.rstrip(b"\0"), f"{path}: another stream"
        assert len(client.retrieve_bulkdata(metadata["7FE00010"]["BulkDataURI"])) == count, path
    else:
        length = ds.Rows * ds.Columns * ds.SamplesPerPixel * ds.BitsAllocated // 8
        stored = ds.PixelData
        if syntax == "1.2.840.10008.1.2.2":
            stored = numpy.frombuffer(stored, ">u2").astype("<u2").tobytes()
        assert frames[0] == stored[length * (count - 1):length * count], f"{path}: other pixels"
        [bulk] = client.retrieve_bulkdata(metadata["7FE00010"]["BulkDataURI"])
        assert bulk == stored, f"{path}: other bulk data"

    picture = session.get(f"{address}/frames/{count}/rendered", headers={"Accept": "image/png"})
    if picture.status_code == 200:
        assert Image.open(io.BytesIO(picture.content)).size == (ds.Columns, ds.Rows), path
    else:
        assert picture.status_code == 422, f"{path}: {picture.status_code} {picture.text}"
        print(f"not shown: {path.rsplit('/', 1)[-1]}: {picture.json()['detail']}")


contents = {path: store(path) for path in files}
stored = {path: content for path, content in contents.items() if content is not None}
for path, content in stored.items():
    check(path, content)
assert not trouble, "\n".join(trouble)

# Searching.
studies = client.search_for_studies(get_remaining=True, limit=3)
uids = {pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID for path in stored}
assert {study["0020000D"]["Value"][0] for study in studies} == uids, "all studies, page by page"
gb = pydicom.dcmread(files[0])
for filters, fuzzy in [
    ({"PatientName": "*乗*"}, False),
    ({"PatientName": "cheng^wei"}, False),
    ({"PatientName": "wei cheng"}, True),
    ({"PatientName": "乗伟"}, True),
    ({"PatientID": str(gb.PatientID), "PatientName": "Cheng*"}, False),
    ({"StudyInstanceUID": str(gb.StudyInstanceUID)}, False),
]:
    [found] = client.search_for_studies(search_filters=filters, fuzzymatching=fuzzy)
    dataset = pydicom.Dataset.from_json(found)
    assert dataset.StudyInstanceUID == gb.StudyInstanceUID, filters
    assert dataset.PatientName.ideographic == "乗^伟", filters
    assert dataset.NumberOfStudyRelatedInstances >= 1, "results stand beside the image"
    assert session.get(dataset.RetrieveURL).status_code == 200
assert client.search_for_studies(search_filters={"PatientID": "nobody"}) == []
series, *of_results = client.search_for_series(gb.StudyInstanceUID)
assert series["0020000E"]["Value"] == [gb.SeriesInstanceUID]
[instance] = client.search_for_instances(gb.StudyInstanceUID, series["0020000E"]["Value"][0])
assert instance["00080018"]["Value"] == [gb.SOPInstanceUID] and instance["00280010"]["Value"] == [gb.Rows]
everything = client.search_for_instances(limit=1000)
sops = {pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in stored}
assert sops <= {found["00080018"]["Value"][0] for found in everything}, "all instances"
assert gb in client.retrieve_study(gb.StudyInstanceUID)
assert len(client.retrieve_series(gb.StudyInstanceUID, gb.SeriesInstanceUID)) == 1
assert client.retrieve_study_metadata(gb.StudyInstanceUID)[0]["00100010"]["Value"][0]["Ideographic"] == "乗^伟"
print(f"{len(stored)} of {len(files)} files stored, found and read back")
