"""Reads messages with hl7v2-fhir-bridge, and prints what its FHIR resources say of each file as one line of JSON; null for
a file that it cannot read."""

import json
import sys
from datetime import datetime, timezone

from v2fhir.config import Config
from v2fhir.convert import SUPPORTED, convert
from v2fhir.hl7.parser import parse_bytes
from v2fhir.mapping.context import Ctx
from v2fhir.mapping.patient import add_encounter, add_patient

CONFIG = Config(
    default_charset="utf-8", fallback_charsets=("gb18030",), default_timezone="", default_assigning_authority="H"
)


def resources(message):
    """All events of ADT are read as those that the bridge knows."""
    if (message.message_type, message.trigger) in SUPPORTED:
        entries = convert(message, CONFIG).bundle["entry"]
        return [entry["resource"] for entry in entries]
    context = Ctx(msg=message, cfg=CONFIG, now=datetime.now(timezone.utc))
    _, patient = add_patient(message.seg("PID"), context, authoritative=True)
    add_encounter(message.seg("PV1"), patient, context, authoritative=True)
    bundle = context.tx.bundle(identifier={"value": "1"}, timestamp="2026-01-01T00:00:00Z")
    return [entry["resource"] for entry in bundle["entry"]]


def identifier(resource, kind):
    for one in resource.get("identifier", []):
        if kind in [coding.get("code") for coding in one.get("type", {}).get("coding", [])]:
            return one["value"]
    return None


def said(path):
    with open(path, "rb") as file:
        message = parse_bytes(file.read(), CONFIG.default_charset, CONFIG.fallback_charsets)
    found = resources(message)
    of = lambda kind: [one for one in found if one["resourceType"] == kind]
    patient = next(one for one in of("Patient") if one.get("active"))
    names = patient.get("name") or [{}]
    # The legal name, wherever it stands; else the first.
    name = next((one for one in names if one.get("use") == "official"), names[0])
    name_in_message = next((one for one in message.seg("PID").reps(5) if one.get(7) == "L"), message.seg("PID").rep(5))
    studies = [uid["value"].removeprefix("urn:oid:") for study in of("ImagingStudy") for uid in study["identifier"][:1]]
    return {
        "id": next((one["value"] for one in patient["identifier"] if one.get("use") == "usual"), None),
        "ids": [one["value"] for one in patient["identifier"]],
        "family": name.get("family"),
        "given": name_in_message.get(2) and name["given"][0],
        "sex": patient.get("gender"),
        "birth_date": patient.get("birthDate"),
        "visit": next((one["identifier"][0]["value"] for one in of("Encounter")), None),
        "orders": [
            {"placer": identifier(one, "PLAC"), "filler": identifier(one, "FILL"), "accession": identifier(one, "ACSN")}
            for one in of("ServiceRequest")
        ],
        "studies": studies,
    }


for path in sys.argv[1:]:
    try:
        print(json.dumps(said(path)))
    except Exception as trouble:  # what it cannot read is no word about us
        print("null", file=sys.stdout)
        print(path, repr(trouble), file=sys.stderr)
