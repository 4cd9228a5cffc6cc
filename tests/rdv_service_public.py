"""What RDV Service Public's webhooks send, in the shapes of its public code. The people are invented."""

import hashlib
import hmac
import json
from typing import Any

SECRET = "a-shared-secret"

CLAIRE: dict[str, Any] = {
    "id": 41, "first_name": "Claire", "last_name": "MOREAU", "email": "claire.moreau@example.org",
    "inclusion_connect_open_id_sub": None,
}  # fmt: skip
PAUL = {**CLAIRE, "id": 42, "first_name": "Paul", "last_name": "GIRARD", "email": "paul.girard@example.org"}
HELPER = {**CLAIRE, "id": 43, "first_name": None, "last_name": "Intervenant 1", "email": None}

# Never to be found anywhere in what we keep.
NEVER_KEPT = (
    "Secrète",
    "Secrete",
    "secrete@example.org",
    "1990-01-02",
    "1234567",
    "Confidentiel",
    "Violences",
)


def user(number: int, phone: str | None, name: str = "Amina", **more: Any) -> dict[str, Any]:
    """app/blueprints/user_blueprint.rb"""
    return {
        "id": number, "first_name": name, "birth_name": "Secrète", "last_name": "Secrete",
        "email": "secrete@example.org", "address": "3 rue Secrète, Niort, 79000", "phone_number": phone,
        "phone_number_formatted": None, "birth_date": "1990-01-02", "responsible_id": None,
        "caisse_affiliation": "caf", "affiliation_number": "1234567", "family_situation": "single",
        "number_of_children": 2, "notify_by_sms": True, "notify_by_email": True, "case_number": None,
        "created_at": "2026-01-05 10:00:00 +0100", "notes": "Confidentiel", "logement": None,
        "responsible": None, "user_profiles": None, **more,
    }  # fmt: skip


def motif(location_type: str = "public_office") -> dict[str, Any]:
    """app/blueprints/motif_blueprint.rb"""
    return {
        "id": 5, "name": "Violences", "location_type": location_type, "deleted_at": None,
        "bookable_publicly": False, "service_id": 1, "organisation_id": 1, "collectif": False,
        "follow_up": False, "instruction_for_rdv": "Confidentiel", "motif_category": None,
    }  # fmt: skip


def rdv(*people: dict[str, Any], status: str = "unknown", number: int = 8, **more: Any) -> dict[str, Any]:
    """app/blueprints/rdv_blueprint.rb"""
    return {
        "id": number, "uuid": f"7e3f4a62-94a9-4d4d-8a1c-{number:012}", "status": status,
        "starts_at": "2026-12-01 10:00:00 +0100", "ends_at": "2026-12-01 10:45:00 +0100",
        "duration_in_min": 45, "address": "4 rue de la Mairie, Niort", "context": "Confidentiel",
        "cancelled_at": None, "max_participants_count": None, "users_count": len(people), "name": None,
        "collectif": False, "created_by": "agent", "created_by_type": "Agent", "created_by_id": 41,
        "organisation": {"id": 1, "name": "MDS", "phone_number": None, "email": None, "verticale": None},
        "motif": motif(), "users": list(people),
        "participations": [seat(who, status) for who in people], "agents": [CLAIRE],
        "lieu": {
            "id": 3, "name": "MDS de Niort", "address": "4 rue de la Mairie, Niort, 79000",
            "phone_number": None, "organisation_id": 1, "single_use": False,
        },
        **more,
    }  # fmt: skip


def seat(who: dict[str, Any], status: str) -> dict[str, Any]:
    """app/blueprints/participation_blueprint.rb"""
    return {
        "id": 900 + who["id"], "status": status, "send_lifecycle_notifications": True,
        "send_reminder_notification": True, "created_by_type": "Agent", "created_by_id": 41,
        "created_by": "agent", "created_by_agent_prescripteur": False, "user": who,
    }  # fmt: skip


def said(
    model: str, data: Any, event: str = "created", minute: int = 0, reason: str | None = None
) -> dict[str, Any]:
    """As app/models/concerns/webhook_deliverable.rb renders it."""
    meta = {
        "model": model, "event": event, "webhook_reason": reason,
        "timestamp": f"2026-11-23 10:{minute:02}:00 +0100",
    }  # fmt: skip
    return {"data": data, "meta": meta}


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """As app/jobs/webhook_job.rb does."""
    made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Lapin-Signature": made, "Content-Type": "application/json; charset=utf-8"}


def raw(payload: dict[str, Any]) -> bytes:
    return json.dumps(payload).encode()
