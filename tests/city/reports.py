"""Rows as sites send them, small enough to read; all people are made up."""

import json
import struct

from citywatch.mechanisms.forms.identifiers import check_digit


def id_number(order=1, *, born="19680101", area="110106"):
    """A resident number with a right check digit."""
    first = f"{area}{born}{order:03d}"
    return first + check_digit(first)


def symptom(order=1, **more):
    row = {
        "visit_at": "2020-06-10T09:30",
        "name": f"张甲{order}",
        "id_number": id_number(order),
        "phone": f"1990000{order:04d}",
        "sex": "M",
        "age": "52",
        "age_unit": "Y",
        "visit_type": "first",
        "onset_date": "2020-06-09",
        "symptoms": "fever;cough_throat",
        "temperature": "38.2",
        "disposition": "home",
    }
    return {**row, **more}


def fever(order=1, **more):
    row = {
        "visit_at": "2020-06-10T10:00",
        "name": f"李乙{order}",
        "id_number": id_number(order),
        "sex": "F",
        "age": "40",
        "age_unit": "Y",
        "onset_date": "2020-06-08",
        "temperature": "38.6",
        "symptoms": "fever",
        "pcr_ordered": "Y",
        "sample_barcode": f"S20061000{order:04d}",
        "disposition": "held",
    }
    return {**row, **more}


def sale(order=1, **more):
    row = {
        "sold_at": "2020-06-10T15:00",
        "drug_class": "antipyretic",
        "quantity": "1",
        "name": f"王丙{order}",
        "for_whom": "self",
    }
    return {**row, **more}


def card(order=1, **more):
    row = {
        "card_no": f"K{order:05d}",
        "card_type": "1",
        "name": f"赵丁{order}",
        "sex": "M",
        "age": "30",
        "age_unit": "Y",
        "patient_belongs": "1",
        "address": "丰台区某路1号",
        "occupation": "16",
        "case_class": "2",
        "onset_date": "2020-06-08",
        "diagnosed_at": "2020-06-10T11:00",
        "disease": "3900",
        "doctor": "某医生",
        "filled_on": "2020-06-10",
    }
    return {**row, **more}


def absence(order=1, **more):
    row = {
        "absent_on": "2020-06-10",
        "grade": "G3",
        "class_no": "2",
        "list_no": str(order),
        "status": "new",
        "symptoms": "vomiting",
        "roll": "40",
    }
    return {**row, **more}


def result(barcode, answer="negative", **more):
    row = {
        "barcode": barcode,
        "specimen": "throat_swab",
        "method": "pcr",
        "result": answer,
        "tested_at": "2020-06-11T01:00",
    }
    return {**row, **more}


def message(*rows):
    return json.dumps({"rows": list(rows)}, ensure_ascii=False).encode()


def segment(marker, body):
    """A marked part of a JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def picture(*, width=8, pixels=b"\x12\xff\x00\x34\xff\xd0\x56", extra=b""):
    """A JPEG as small as they get, with `extra` segments as a camera writes them."""
    frame = segment(0xC0, b"\x08" + struct.pack(">HH", 8, width) + b"\x01\x01\x11\x00")
    tables = segment(0xDB, bytes(65)) + frame + segment(0xC4, bytes(17))
    return b"\xff\xd8" + extra + tables + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + pixels + b"\xff\xd9"
