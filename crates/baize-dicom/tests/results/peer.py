"""Reads result objects with pydicom and highdicom and prints what they say as JSON.

    peer.py report FILE         measurement groups, by highdicom
    peer.py grids SEG MAP       segmentation and parametric map, by highdicom and pydicom
    peer.py volume SEG          segmentation of a series, by highdicom
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


def grids(segmentation, parametric_map):
    import highdicom
    import numpy

    segments = highdicom.seg.segread(segmentation)
    described = [segments.get_segment_description(number) for number in segments.segment_numbers]
    mask = segments.get_pixels_by_source_instance(
        [uid for _, _, uid in segments.get_source_image_uids()], ignore_spatial_locations=True
    )[0, :, :, 0]
    rows, columns = numpy.nonzero(mask)
    numbers = pydicom.dcmread(parametric_map)
    values = numpy.frombuffer(numbers.FloatPixelData, "<f4").reshape(numbers.Rows, numbers.Columns)
    frame = numbers.PerFrameFunctionalGroupsSequence[0]
    mapping = frame.RealWorldValueMappingSequence[0]
    defined = mapping.QuantityDefinitionSequence
    return {
        "segments": [
            [
                item.segment_label,
                item.segmented_property_category.value,
                item.segmented_property_type.value,
                item.algorithm_identification.name,
                item.algorithm_identification.version,
            ]
            for item in described
        ],
        "mask": [int(number) for number in (
            columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, mask.sum()
        )],
        "source": [uid for _, _, uid in segments.get_source_image_uids()],
        "quantity": [item.ConceptCodeSequence[0].CodeValue for item in defined[:2]]
        + [item.TextValue for item in defined[2:]],
        "unit": mapping.MeasurementUnitsCodeSequence[0].CodeValue,
        "range": [mapping.DoubleFloatRealWorldValueFirstValueMapped, mapping.DoubleFloatRealWorldValueLastValueMapped],
        "values": [float(values[row, column]) for row, column in ((30, 12), (30, 52), (55, 12), (55, 52))],
        "shape": list(values.shape),
    }


def volume(path):
    import highdicom
    import numpy

    segments = highdicom.seg.segread(path)
    described = [(number, segments.get_segment_description(number)) for number in segments.segment_numbers]
    sources = [uid for _, _, uid in segments.get_source_image_uids()]
    labels = segments.get_pixels_by_source_instance(sources, combine_segments=True, assert_missing_frames_are_empty=True)
    measures = segments.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]

    def side(item):
        types = item.SegmentedPropertyTypeCodeSequence[0].get("SegmentedPropertyTypeModifierCodeSequence")
        return types[0].CodeValue if types else None

    return {
        "segments": [
            [
                number,
                item.segment_label,
                item.segmented_property_category.value,
                item.segmented_property_type.value,
                side(item),
                item.algorithm_identification.name,
                item.algorithm_identification.version,
            ]
            for number, item in described
        ],
        "frames": int(segments.NumberOfFrames),
        "labels": numpy.asarray(labels).ravel().tolist(),
        "spacing": [float(measures.SpacingBetweenSlices), *map(float, measures.PixelSpacing)],
        "frame_of_reference": segments.FrameOfReferenceUID,
        "white": list(segments.SegmentSequence[0].RecommendedDisplayCIELabValue),
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
                  if element.VR not in ("SQ", "OB", "OW", "OF") else None)
    return {
        "top": {
            element.keyword: str(element.value) for element in data_set if element.VR not in ("SQ", "OB", "OW", "OF")
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
    if command == "report":
        answer = report(files[0])
    elif command == "grids":
        answer = grids(*files)
    elif command == "volume":
        answer = volume(files[0])
    else:
        answer = [attributes(path) for path in files]
    json.dump(answer, sys.stdout)
