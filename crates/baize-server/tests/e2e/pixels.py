"""Checks pictures, decoded frames and converted objects of real images against what pydicom makes of the same files."""

import io
import sys
import warnings

import numpy
import pydicom
import requests
from PIL import Image
from pydicom.pixels import apply_color_lut, pixel_array

warnings.simplefilter("ignore")
url, key, *files = sys.argv[1:]
session = requests.Session()
session.headers["X-API-Key"] = key
EXPLICIT = "1.2.840.10008.1.2.1"
LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91",
         "1.2.840.10008.1.2.4.203"}
# What is refused rather than shown.
NOT_SHOWN = {"liver.dcm": "a segmentation of one bit a pixel"}
counts = {"picture": 0, "frames": 0, "object": 0}
trouble = []


def store(path):
    with open(path, "rb") as file:
        body = b"--baize-peer-7f3a9c\r\nContent-Type: application/dicom\r\n\r\n" + file.read() + b"\r\n--baize-peer-7f3a9c--\r\n"
    kind = 'multipart/related; type="application/dicom"; boundary=baize-peer-7f3a9c'
    return session.post(f"{url}/studies", data=body, headers={"Content-Type": kind}).status_code == 200


def differ(found, expected, lossy):
    """Where two arrays differ by more than decoders of the same lossy stream may."""
    if found.shape != expected.shape:
        return f"{found.shape} and not {expected.shape}"
    distance = numpy.abs(found.astype(float) - expected.astype(float))
    # Upsampling of colour is not laid down, so edges may differ; areas may not.
    limit, mean = (255, 3.0) if lossy else (1, 0.5)
    if distance.max() > limit or distance.mean() > mean:
        return f"off by {distance.max()} at most and by {distance.mean():.2f} in the mean"
    return None


def check(path):
    name = path.rsplit("/", 1)[-1]
    ds = pydicom.dcmread(path)
    syntax = ds.file_meta.TransferSyntaxUID
    lossy = syntax in LOSSY
    address = "{}/studies/{}/series/{}/instances/{}".format(
        url, ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID
    )
    count = int(ds.get("NumberOfFrames", 1) or 1)
    try:
        raw = pixel_array(ds, raw=True)
        shown = pixel_array(ds, raw=False)
    except Exception as error:
        print(f"pydicom cannot decode {name}: {error}")
        return
    last = (lambda array: array[-1]) if count > 1 else (lambda array: array)

    colour = ds.SamplesPerPixel == 3 or ds.PhotometricInterpretation == "PALETTE COLOR"
    picture = session.get(f"{address}/frames/{count}/rendered", headers={"Accept": "image/png"})
    if name in NOT_SHOWN:
        assert picture.status_code == 422, f"{name}: {picture.status_code}"
    elif picture.status_code != 200:
        trouble.append(f"{name}: no picture: {picture.status_code} {picture.json()['detail']}")
    elif colour:
        expected = last(apply_color_lut(raw, ds) if ds.SamplesPerPixel == 1 else shown)
        bits = 8 * expected.dtype.itemsize if ds.SamplesPerPixel == 1 else ds.BitsStored
        expected = (expected.astype(float) * 255 / (2**bits - 1)).round()
        found = numpy.asarray(Image.open(io.BytesIO(picture.content)).convert("RGB"))
        if said := differ(found, expected, lossy or "422" in ds.PhotometricInterpretation):
            trouble.append(f"{name}: picture: {said}")
        counts["picture"] += 1

    if syntax.is_encapsulated and ds.BitsAllocated in (8, 16):
        frame = session.get(f"{address}/frames/{count}", headers={"Accept": "application/octet-stream"})
        if frame.status_code != 200:
            trouble.append(f"{name}: no samples: {frame.status_code} {frame.json()['detail']}")
        else:
            expected = last(shown if ds.SamplesPerPixel == 3 and syntax in LOSSY else raw)
            found = numpy.frombuffer(frame.content, expected.dtype.newbyteorder("<"))
            if found.size != expected.size:
                trouble.append(f"{name}: samples: {found.size} and not {expected.size}")
            elif said := differ(found.reshape(expected.shape), expected, lossy):
                trouble.append(f"{name}: samples: {said}")
            counts["frames"] += 1

    if syntax == EXPLICIT:
        return
    accept = f"application/dicom; transfer-syntax={EXPLICIT}"
    answer = session.get(address, headers={"Accept": accept})
    if answer.status_code != 200:
        trouble.append(f"{name}: not converted: {answer.status_code} {answer.json()['detail']}")
        return
    converted = pydicom.dcmread(io.BytesIO(answer.content))
    assert converted.file_meta.TransferSyntaxUID == EXPLICIT, name
    leave = {"PixelData", "PhotometricInterpretation", "PlanarConfiguration", "DataSetTrailingPadding"}
    for element in ds:
        if element.keyword in leave or element.tag.element == 0 or element.tag.group == 0x7FE0:
            continue
        if element.VR == "UN" or (element.tag in converted and converted[element.tag].VR == "UN"):
            continue
        if element.tag not in converted or converted[element.tag].value != element.value:
            trouble.append(f"{name}: converted: {element.tag} differs")
    if said := differ(pixel_array(converted, raw=False), shown, lossy or "422" in ds.PhotometricInterpretation):
        trouble.append(f"{name}: converted: {said}")
    counts["object"] += 1


for path in files:
    if "PixelData" in pydicom.dcmread(path, force=True) and store(path):
        check(path)
assert not trouble, "\n".join(trouble)
print(", ".join(f"{count} by {what}" for what, count in counts.items()))
assert min(counts.values()) > 0 or not files
