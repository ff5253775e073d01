"""Every field of every model with its class: who may be told it. A new field joins this table or breaks the build.

- `open`: public geography, the registry, rules; anybody with a role may be told
- `row`: told with its row, to whoever may see that row
- `text`: free text or answers, told with its row; somebody may have typed a name into it
- `person`: the number of somebody; told with its row, and never with whom it stands for
- `admin`: told to administrators, and to an account about itself
- `inside`: on no page: the machinery's own bookkeeping
- `never`: on no page, in no answer, in no file but a backup: ciphertext, keys, keyed hashes, marks, passwords
"""

CLASSES = ("open", "row", "text", "person", "admin", "inside", "never")

FIELDS: dict[str, dict[str, str]] = {
    "jurisdiction.Account": {
        "admin": (
            "id last_login is_superuser username first_name last_name email is_staff is_active date_joined "
            "title_zh title_en"
        ),
        "never": "password",
    },
    "jurisdiction.Place": {
        "open": "id code kind parent path name_zh name_en lon lat population valid_from valid_to",
    },
    "jurisdiction.Role": {
        "open": "id code name_zh name_en abilities second_factor idle_minutes",
    },
    "jurisdiction.Grant": {
        "admin": "id account role place granted_at until because",
    },
    "jurisdiction.MachineKey": {
        "admin": "id name place abilities issued_at revoked_at",
        "never": "digest",
    },
    "jurisdiction.Opening": {
        "row": "id place account kind number opened_at until justified reviewed_by reviewed_at",
        "person": "person",
        "text": "because finding",
    },
    "journal.Entry": {
        "row": "id place writer seq kind at actor subject_kind subject_id",
        "text": "because body",
        "never": "previous digest",
    },
    "journal.Cursor": {
        "inside": "id follower writer seq",
    },
    "lifecycle.Clock": {
        "row": "id place code subject_kind subject_id started_at due_at stopped_at",
    },
    "lifecycle.CityClock": {
        "inside": "id offset_seconds",
    },
    "vault.Person": {
        "inside": "id enrolled_at",
        "never": "pseudonym wrapped_key generation",
    },
    "vault.SealedIdentity": {
        "inside": "id person recorded_at",
        "never": "sealed",
    },
    "vault.BlindIndex": {
        "inside": "id kind person",
        "never": "blind name_blind",
    },
    "vault.Pseudonym": {
        "inside": "id purpose subject_kind subject_id",
        "row": "code",
    },
    "vault.KnownAt": {
        "inside": "id place person relation",
    },
    "vault.LegalHold": {
        "row": "id place placed_by placed_at until lifted_at",
        "person": "person",
        "text": "because ordered_by",
    },
    "vault.Export": {
        "row": "id place account kind purpose rows tracks second asked_at approved_by approved_at taken_at",
        "text": "because",
        "never": "mark",
    },
    "receipts.Receipt": {
        "row": (
            "id place source message_id channel form destroyed_at received_at sent_at state rows stored duplicate "
            "quarantined"
        ),
        "never": "digest sealed wrapped_key generation",
        "text": "why",
    },
    "receipts.QuarantinedRow": {
        "row": "id place receipt number settled_at destroyed_at",
        "never": "sealed wrapped_key generation",
        "text": "why_zh why_en",
    },
    "forms.Submission": {
        "row": (
            "id place form version stream home_place occurred_at occurred_on reported_at recorded_at findings "
            "count receipt row corrects"
        ),
        "person": "person",
        "text": "answers",
        "never": "natural_key revision_key",
    },
    "signin.Attempt": {
        "inside": "id at login address browser failed",
    },
    "signin.OpenSession": {
        "admin": "id account begun_at seen_at address browser",
        "never": "session_key",
    },
    "signin.UsedCode": {
        "inside": "id account",
        "never": "secret step",
    },
    "registry.Organisation": {
        "open": "id place code name_zh name_en valid_from valid_to",
    },
    "registry.Institution": {
        "open": "id place organisation kind streams fever_clinic emergency sentinel valid_from valid_to",
    },
    "registry.Staff": {
        "row": "id place account position_zh position_en valid_from valid_to",
    },
    "registry.Holiday": {
        "open": "id day is_workday name_zh name_en",
    },
    "sense.Hold": {
        "row": "id place state barcode submission started_at ended_at",
        "person": "person",
    },
    "sense.Photo": {
        "row": "id place submission size recorded_at",
        "person": "person",
        "inside": "key",
        "never": "sealed digest",
    },
    "lab.Sample": {
        "row": "id place state barcode submission_id lab_place ordered_at resulted_at ct_orf1ab ct_n",
        "person": "person",
    },
    "warn.WatchDecision": {
        "row": "id place detector method settings enabled valid_from decided_at decided_by",
        "text": "because",
    },
    "warn.Run": {
        "row": "id place at log_version series raised extended proposals took_ms stages",
        "never": "log_digest",
        "text": "fault",
    },
    "warn.Proposal": {
        "row": (
            "id place state level hazard streams syndromes positives first_positive_at last_positive_at opened_at "
            "first_day last_day score grounds chance escalated_at after"
        ),
        "never": "fingerprint",
    },
    "warn.Signal": {
        "row": (
            "id place family step look stream syndrome by detectors first_day last_day observed expected upper p "
            "score raised_at proposal"
        ),
        "never": "fingerprint",
    },
    "warn.DeskView": {
        "row": "id place owner",
        "text": "name query",
    },
    "warn.HealthEvent": {
        "row": "id place state proposal hazard level title_zh title_en verified_at first_positive_at",
    },
    "warn.Alert": {
        "row": "id place event level published_at",
        "text": "text_zh text_en because",
    },
    "trace.Investigation": {
        "row": "id place state event_id hazard title_zh title_en opened_at look_back_days",
    },
    "trace.Case": {
        "row": (
            "id place state investigation hazard label sample_barcode sex age occupation onset_date sampled_on "
            "isolated_at reported_at classification outcome from_row"
        ),
        "person": "person",
        "text": "note",
    },
    "trace.Stay": {
        "row": "id place case visited from_at to_at source",
    },
    "trace.Verdict": {
        "row": "id place case visited from_at to_at said said_at",
    },
    "trace.Contact": {
        "row": "id place state case told kind by_hand ground first_at last_at visited through from_row judged_at",
        "person": "person",
    },
    "trace.Visiting": {
        "row": "id place contact since until ended_at",
    },
    "trace.Link": {
        "row": "id place infector infectee exposure",
        "text": "evidence",
    },
    "trace.RiskPoint": {
        "row": "id place investigation published_at figures first_positive_at",
        "text": "because",
    },
    "respond.Incident": {
        "row": "id place state event_id title_zh title_en level proposed opened_at",
    },
    "respond.LevelDecision": {
        "row": "id place incident proposed decided facts by by_name at",
        "text": "because",
    },
    "respond.Order": {
        "row": (
            "id place state incident position recipient text_zh text_en origin within drafted_at issued_at "
            "deadline signed_at signed_by done_at"
        ),
    },
}
