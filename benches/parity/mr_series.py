"""Writes a NIfTI volume as a DICOM MR series, for tests of what reads series.

    mr_series.py VOLUME.nii.gz DIR [--plane axial|sagittal|coronal] [--order shuffled] [--without NUMBER] [--scale NUMBER]

Slices are Classic MR Image Storage, Explicit VR Little Endian, 16 bits, one file each. File names and Instance Numbers
follow `--order`, so that a reader which goes by them fails. Needs numpy and pydicom. UIDs follow from the arguments.
"""

import argparse
import gzip
import hashlib
import pathlib
import random

import numpy
import pydicom
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

MR = "1.2.840.10008.5.1.4.1.1.4"
TYPES = {2: numpy.uint8, 4: numpy.int16, 8: numpy.int32, 16: numpy.float32, 512: numpy.uint16}
# Axes of the patient, towards left, back and head; a plane is seen from feet, front or left.
PLANES = {
    "axial": ((0, 1), (1, 1), (2, 1)),
    "sagittal": ((1, 1), (2, -1), (0, -1)),
    "coronal": ((0, 1), (2, -1), (1, 1)),
}


def uid(*parts):
    digest = hashlib.sha256("\n".join(map(str, parts)).encode()).digest()
    return "2.25." + str(int.from_bytes(digest[:15], "big"))


def read_nifti(path):
    """The voxels as [x, y, z] and the 4 x 4 matrix from voxels to millimetres towards left, back and head."""
    data = gzip.open(path).read() if str(path).endswith(".gz") else pathlib.Path(path).read_bytes()
    field = lambda kind, at, count: numpy.frombuffer(data, kind, count, at)
    shape = field("<i2", 42, 3)
    slope, intercept = field("<f4", 112, 2)
    start = int(field("<f4", 108, 1)[0])
    kind = numpy.dtype(TYPES[int(field("<i2", 70, 1)[0])]).newbyteorder("<")
    voxels = numpy.frombuffer(data, kind, int(numpy.prod(shape)), start).reshape(shape, order="F")
    if slope not in (0.0, 1.0) or intercept != 0.0:
        voxels = voxels * slope + intercept
    if field("<i2", 254, 1)[0] <= 0:
        raise SystemExit("the volume has no sform")
    matrix = numpy.vstack([field("<f4", 280, 12).reshape(3, 4).astype(float), [0, 0, 0, 1]])
    return voxels, numpy.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix


def oriented(voxels, matrix, plane):
    """The voxels as [slice, row, column], with the directions of row, column and slice and the first centre."""
    axes, flipped = [], voxels
    for patient_axis, sign in PLANES[plane]:
        axis = int(numpy.argmax(numpy.abs(matrix[patient_axis, :3])))
        if matrix[patient_axis, axis] * sign < 0:
            last = numpy.zeros(4)
            last[axis], last[3] = voxels.shape[axis] - 1, 1
            matrix = matrix.copy()
            matrix[:3, 3] = (matrix @ last)[:3]
            matrix[:3, axis] *= -1
            flipped = numpy.flip(flipped, axis)
        axes.append(axis)
    column, row, piece = axes
    return flipped.transpose(piece, row, column), [matrix[:3, axis] for axis in axes], matrix[:3, 3]


def write(voxels, matrix, folder, plane="axial", shuffled=False, without=None, scale=1, seed=1):
    slices, (across, down, through), origin = oriented(voxels, matrix, plane)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = list(range(len(slices)))
    if shuffled:
        random.Random(seed).shuffle(numbers)
    series = uid("series", plane, scale, seed)
    length = lambda vector: float(numpy.linalg.norm(vector))
    for place, name in enumerate(numbers):
        if place == without:
            continue
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = MR
        meta.MediaStorageSOPInstanceUID = uid(series, place)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = folder / f"{name:04d}.dcm"
        image = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
        image.SpecificCharacterSet = "ISO_IR 192"
        image.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
        image.SOPClassUID, image.SOPInstanceUID = MR, meta.MediaStorageSOPInstanceUID
        image.StudyDate = image.SeriesDate = image.AcquisitionDate = image.ContentDate = "20260301"
        image.StudyTime = image.SeriesTime = image.AcquisitionTime = image.ContentTime = "080000"
        image.AccessionNumber, image.Modality, image.Manufacturer = "", "MR", "Test"
        image.ReferringPhysicianName, image.PatientName, image.PatientID = "", "Phantom^Head", "T1"
        image.PatientBirthDate, image.PatientSex, image.BodyPartExamined = "", "", "BRAIN"
        image.SeriesDescription = "T1 3D"
        image.ScanningSequence, image.SequenceVariant, image.ScanOptions = "GR", "MP", ""
        image.MRAcquisitionType, image.EchoTime, image.RepetitionTime = "3D", 3.0, 2300.0
        image.EchoTrainLength, image.InversionTime = 1, 900.0
        image.StudyInstanceUID, image.SeriesInstanceUID = uid("study", seed), series
        image.StudyID, image.SeriesNumber, image.InstanceNumber = "1", 2, name + 1
        image.PatientPosition = "HFS"
        image.FrameOfReferenceUID, image.PositionReferenceIndicator = uid("frame", seed), ""
        image.ImagePositionPatient = [f"{value:.6f}"[:16] for value in origin + place * through]
        directions = numpy.concatenate([across / length(across), down / length(down)])
        image.ImageOrientationPatient = [f"{value + 0.0:.6f}" for value in directions]
        image.PixelSpacing = [f"{length(down):.6f}", f"{length(across):.6f}"]
        image.SliceThickness = f"{length(through):.6f}"
        pixels = numpy.ascontiguousarray(slices[place]).astype(numpy.int32) * scale
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.Rows, image.Columns = pixels.shape
        image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 16, 16, 15, 0
        image.PixelData = pixels.astype("<u2").tobytes()
        image.save_as(str(path), enforce_file_format=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volume")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--plane", choices=PLANES, default="axial")
    parser.add_argument("--order", choices=["sorted", "shuffled"], default="sorted")
    parser.add_argument("--without", type=int, metavar="NUMBER", help="leaves this slice out")
    parser.add_argument("--scale", type=int, default=1, help="multiplies all values, as a scanner of more bits has them")
    given = parser.parse_args()
    write(*read_nifti(given.volume), given.folder, given.plane, given.order == "shuffled", given.without, given.scale)
