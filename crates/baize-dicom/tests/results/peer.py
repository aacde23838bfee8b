"""Reads result objects with pydicom and highdicom and prints what they say as JSON.

    peer.py report FILE         measurement groups, by highdicom
    peer.py attributes FILE...  attributes of each file, by pydicom
"""

import json
import sys

import pydicom


def code(concept):
    return [concept.scheme_designator, concept.value, concept.meaning]


def named(item, value):
    return item.ConceptNameCodeSequence[0].CodeValue == value if "ConceptNameCodeSequence" in item else False


def texts(group, value):
    return [item.TextValue for item in group.ContentSequence if named(item, value)]


def report(path):
    import highdicom

    document = highdicom.sr.srread(path)
    content = document.content
    groups = []
    regions = content.get_planar_roi_measurement_groups()
    for group in regions + content.get_image_measurement_groups():
        (measurement,) = group.get_measurements()
        (evaluation,) = group.get_qualitative_evaluations()
        container = group[0]
        outline = None
        if group in regions:
            outline = [float(number) for pair in group.roi.value[:, :2] for number in pair]
        groups.append({
            "finding": code(group.finding_type),
            "measurement": code(measurement.name),
            "percent": str(measurement[0].MeasuredValueSequence[0].NumericValue),
            "unit": code(measurement.unit),
            "interpretation": code(evaluation.value),
            "algorithm": [texts(container, "111001"), texts(container, "111003"), texts(container, "111002")],
            "outline": outline,
            "tracking": [group.tracking_identifier, group.tracking_uid],
        })
    return {
        "groups": groups,
        "flags": [document.PreliminaryFlag, document.VerificationFlag, document.CompletionFlag],
    }


def attributes(path):
    data_set = pydicom.dcmread(path)
    texts_of_state, tracking, outlines = [], [], []
    for annotation in data_set.get("GraphicAnnotationSequence", []):
        texts_of_state += [item.UnformattedTextValue for item in annotation.TextObjectSequence]
        for graphic in annotation.get("GraphicObjectSequence", []):
            tracking.append([graphic.TrackingID, graphic.TrackingUID])
            outlines.append([float(number) for number in graphic.GraphicData])
    everything = []
    data_set.walk(lambda _, element: everything.append([element.keyword, str(element.value)])
                  if element.VR not in ("SQ", "OB", "OW") else None)
    return {
        "top": {
            element.keyword: str(element.value) for element in data_set if element.VR not in ("SQ", "OB", "OW")
        },
        "raw_name": pydicom.dcmread(path).get("PatientName").original_string.hex(),
        "everything": everything,
        "texts": texts_of_state,
        "tracking": tracking,
        "outlines": outlines,
        "pixels": len(data_set.PixelData) if "PixelData" in data_set else None,
    }


if __name__ == "__main__":
    command, *files = sys.argv[1:]
    answer = report(files[0]) if command == "report" else [attributes(path) for path in files]
    json.dump(answer, sys.stdout)
