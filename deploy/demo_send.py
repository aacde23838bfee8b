"""Sends a real chest radiograph to a running Baize with real DICOM clients and prints the findings.

The image is RG1_J2KI.dcm of the PyPI package pydicom-data (MIT): a CR with masses, MONOCHROME1, JPEG 2000.
"""

import argparse
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import time

import data_store
import pydicom
import requests
from dicomweb_client.api import DICOMwebClient
from pynetdicom import AE

IMAGE = pathlib.Path(data_store.__file__).parent / "data" / "RG1_J2KI.dcm"
# pynetdicom installs a namesake of some DCMTK programs, so only the full path is DCMTK's.
DCMSEND = pathlib.Path("/usr/bin/dcmsend")


def derived_uid(uid: str) -> str:
    """The same new UID at every run, so that a second demo re-sends rather than adds."""
    number = int.from_bytes(hashlib.sha256(uid.encode()).digest()[:15], "big")
    return f"2.25.{number}"


def copy_as_other_study(folder: pathlib.Path) -> pathlib.Path:
    """The radiograph under other UIDs: C-STORE then brings a study of its own."""
    image = pydicom.dcmread(IMAGE)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(image, keyword, derived_uid(image[keyword].value))
    image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
    target = folder / "second-study.dcm"
    image.save_as(target)
    return target


class Baize:
    """The REST side, as a hospital's integrator would call it."""

    def __init__(self, server: str, key: str):
        self.server = server
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {key}"

    def get(self, path: str) -> requests.Response:
        answer = self.session.get(self.server + path, timeout=30)
        answer.raise_for_status()
        return answer

    def stow(self, path: pathlib.Path) -> None:
        DICOMwebClient(url=f"{self.server}/dicomweb", session=self.session).store_instances(
            datasets=[pydicom.dcmread(path)]
        )

    def wait_for_findings(self, study: str, seconds: int = 120) -> dict:
        for _ in range(seconds * 4):
            answer = self.session.get(f"{self.server}/v1/studies/{study}/findings", timeout=30)
            if answer.status_code == 200:
                record = answer.json()
                results = [result for image in record["instances"] for result in image["results"]]
                if results and all(result["status"] != "pending" for result in results):
                    return record
            time.sleep(0.25)
        sys.exit(f"no finding for study {study} within {seconds} seconds")


def c_store(path: pathlib.Path, port: int) -> str:
    """Sends by DCMTK's dcmsend where installed, else by pynetdicom; returns the client's name."""
    if DCMSEND.exists():
        command = [DCMSEND, "--aetitle", "DEMO", "--call", "BAIZE", "127.0.0.1", str(port), path]
        subprocess.run(command, check=True)
        return "DCMTK dcmsend"
    image = pydicom.dcmread(path)
    entity = AE(ae_title="DEMO")
    entity.add_requested_context(image.SOPClassUID, image.file_meta.TransferSyntaxUID)
    association = entity.associate("127.0.0.1", port, ae_title="BAIZE")
    if not association.is_established:
        sys.exit("the association was rejected")
    status = association.send_c_store(image)
    association.release()
    if not status or status.Status != 0x0000:
        sys.exit(f"C-STORE failed: {status}")
    return "pynetdicom"


def show(record: dict, baize: Baize, out: pathlib.Path) -> None:
    for image in record["instances"]:
        print(f"  image   {image['sop']}")
        for result in image["results"]:
            show_result(image["sop"], result, baize, out)


def show_result(sop: str, result: dict, baize: Baize, out: pathlib.Path) -> None:
    if result["status"] != "ok":
        print(f"  reason  {result['code']}: {result['message']}")
        return
    print(f"  model   {result['model']['id']} version {result['model']['version']}")
    for finding in result["findings"]:
        verdict = "positive" if finding["positive"] else "negative"
        print(
            f"  finding {finding['label']}: probability {finding['probability']:.3f}, "
            f"threshold {finding['threshold']:.3f} → {verdict}"
        )
    population = result["population"]
    if not population["validated"]:
        print(f"  note    {population['note']}")
        print("          (a score only because the demo runs in research mode: engine.research_mode)")
    picture = out / f"overlay-{sop}.png"
    picture.write_bytes(baize.get(result["overlay"]).content)
    print(f"  picture {picture}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--dicom-port", type=int, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    options = parser.parse_args()
    baize = Baize(options.server, options.key)

    first_study = str(pydicom.dcmread(IMAGE, stop_before_pixels=True).StudyInstanceUID)
    print(f"\nSTOW-RS (dicomweb-client): {IMAGE.name}")
    baize.stow(IMAGE)
    first = baize.wait_for_findings(first_study)
    show(first, baize, options.out)

    with tempfile.TemporaryDirectory() as folder:
        other = copy_as_other_study(pathlib.Path(folder))
        client = c_store(other, options.dicom_port)
        second_study = str(pydicom.dcmread(other, stop_before_pixels=True).StudyInstanceUID)
        print(f"\nC-STORE ({client}): the same radiograph under other UIDs")
        second = baize.wait_for_findings(second_study)
        show(second, baize, options.out)

        baize.stow(IMAGE)
        c_store(IMAGE, options.dicom_port)
        c_store(other, options.dicom_port)

    if baize.wait_for_findings(first_study) != first or baize.wait_for_findings(second_study) != second:
        sys.exit("re-sending changed a result")
    print("\nSent both again, by both ways: nothing changed.")


if __name__ == "__main__":
    main()
