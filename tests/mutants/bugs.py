"""Deliberate bugs, each a small replacement of text, that the tests have to catch.

An edit's old text occurs exactly once in its file: where the code has moved on, the mutant fails
loudly rather than testing nothing.
"""

from dataclasses import dataclass
from typing import Final

MERGE_TESTS: Final = ("tests/integration/test_merge.py",)
LATE_TESTS: Final = ("tests/integration/test_late_commits.py",)
PATIENT_TESTS: Final = ("tests/integration/test_late_patients.py",)
TYPIST_TESTS: Final = ("tests/integration/test_typist.py",)
GIVEN_TESTS: Final = ("tests/integration/test_patients.py",)
UNPROCESSABLE_TESTS: Final = (
    "tests/unit/test_failure.py",
    "tests/integration/test_unprocessable.py",
)
ERASED_TESTS: Final = ("tests/integration/test_erased.py",)
REVENUE_TESTS: Final = ("tests/integration/test_revenue.py",)
MENDING_TESTS: Final = ("tests/integration/test_mending.py",)
NOTICE_TESTS: Final = ("tests/integration/test_notices.py",)
SQL_TESTS: Final = ("tests/sql/test_cases.py",)
CHECK_TESTS: Final = ("tests/integration/test_cycle.py",)
PUBLISHER_TESTS: Final = ("tests/unit/test_publisher.py",)
HABIT_TESTS: Final = ("tests/integration/test_habit.py",)
STAGING_TESTS: Final = (
    "tests/faults/test_poison.py::test_all_of_it_in_a_row_through_a_subscriber",
    "tests/faults/test_fuzz.py::test_a_slice_of_the_fuzz_run_holds",
)
SUBSCRIBER_TESTS: Final = ("tests/unit/test_subscriber.py",)
INGESTOR_TESTS: Final = ("tests/e2e/test_ingestor.py",)
SIGNAL_TESTS: Final = ("tests/unit/test_pipeline_utils.py",)
PIPE_TESTS: Final = ("tests/unit/test_pipes.py",)
JETSTREAM_TESTS: Final = ("tests/integration/test_jetstream.py",)
ZONE_TESTS: Final = ("tests/integration/test_time_zones.py",)
METRICS_TESTS: Final = ("tests/integration/test_metrics.py",)
LOAD_TESTS: Final = ("tests/unit/test_load_files.py", "tests/integration/test_load.py")
PRACTICE_TESTS: Final = ("tests/integration/test_practice.py",)
PRIVACY_TESTS: Final = (
    "tests/e2e/test_privacy.py::test_a_callback_that_fails_quotes_nothing",
    "tests/e2e/test_privacy.py::test_rows_that_the_database_refuses_are_not_quoted",
)

AWAIT_PATIENTS: Final = "src/pipeline/sql/merge/await_patients.sql.jinja"
INSERT_CLEAN_ROWS: Final = "src/pipeline/sql/merge/merge_rows/030_insert_clean_rows.sql.jinja"
MARK_WINDOWS: Final = "src/pipeline/sql/merge/merge_rows/050_mark_windows.sql.jinja"
FAILURE: Final = "src/pipeline/merge/failure.py"
DERIVE: Final = "src/pipeline/sql/audit/rebuild/derive_rows.sql.jinja"
FATE: Final = "src/pipeline/sql/merge/fate.jinja"
COMPUTE: Final = "src/pipeline/sql/revenue/compute_candidate.sql"
PUBLISH: Final = "src/pipeline/sql/revenue/publish.sql"
REVENUE_PROMISE: Final = "src/pipeline/sql/audit/verify/080_revenue_equals_recompute.sql"
HABIT: Final = "src/pipeline/sql/schema/repeatable/176_compare_with_habit.sql"
CLAIM_CONTRACT: Final = "src/pipeline/sql/schema/repeatable/150_claim_contract.sql"


@dataclass(frozen=True)
class Edit:
    """A text that occurs once in a file, and what is put in its place."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """A bug: its name, what is wrong with it, and the tests that should notice it first."""

    name: str
    sentence: str
    tests: tuple[str, ...]
    edits: tuple[Edit, ...]


def _mutant(  # noqa: PLR0917  (in the order in which a bug is read)
    name: str, sentence: str, tests: tuple[str, ...], file: str, old: str, new: str
) -> Mutant:
    return Mutant(name, sentence, tests, (Edit(file, old, new),))


MUTANTS: Final[list[Mutant]] = [
    # --- receiving ---
    _mutant(
        "acknowledge early",
        "An event is acknowledged before the callback has committed it.",
        SUBSCRIBER_TESTS,
        "src/models/subscriber.py",
        """\
        try:
            self._callback([delivery.payload for delivery in deliveries])
""",
        """\
        try:
            for delivery in deliveries:
                delivery.acknowledge()
            self._callback([delivery.payload for delivery in deliveries])
""",
    ),
    _mutant(
        "swallow an error in the callback",
        "The callback returns although nothing was staged, so the event is acknowledged.",
        INGESTOR_TESTS,
        "src/ingestor.py",
        """\
        with database.single_statement() as cursor:
            append(cursor, stream, payloads)
""",
        """\
        try:
            with database.single_statement() as cursor:
                append(cursor, stream, payloads)
        except PASSING_ERRORS as error:
            log.warning("not staged: %s", describe(error))
""",
    ),
    _mutant(
        "copy without escaping",
        "COPY takes a backslash of the payload for one of its own.",
        STAGING_TESTS,
        "src/pipeline/staging/append.py",
        r"""text.replace(b"\\", b"\\\\").replace""",
        "text.replace",
    ),
    _mutant(
        "tidy up what arrives",
        "Bytes that are no UTF-8 are replaced instead of kept.",
        STAGING_TESTS,
        "src/pipeline/staging/append.py",
        'payload.decode("utf-8")',
        'payload.decode("utf-8", "replace")',
    ),
    _mutant(
        "drop NUL bytes",
        "What PostgreSQL can't hold as text is cut out instead of kept as bytes.",
        STAGING_TESTS,
        "src/pipeline/staging/append.py",
        r"""return (None, payload) if "\0" in text else (text, None)""",
        r"""return (text.replace("\0", ""), None)""",
    ),
    # --- named pipes ---
    _mutant(
        "read a pipe before the commit",
        "What is read is not limited to what was committed, so that a kill costs more.",
        PIPE_TESTS,
        "src/utils/pipes.py",
        "if not self._read and not self._delivered:",
        "if not self._read:",
    ),
    _mutant(
        "drop an event that is cut off",
        "What was read of the last event of a publisher that was killed is thrown away.",
        PIPE_TESTS,
        "src/utils/pipes.py",
        "return [event] if event else []",
        "return []",
    ),
    _mutant(
        "leave a pipe before it is opened again",
        "A publisher that comes just then finds that its reader has gone, and ends.",
        PIPE_TESTS,
        "src/utils/pipes.py",
        "        self._turn_to(self._opened(os.O_RDONLY, {errno.ENOENT: _NOT_THERE}))\n",
        "        self._turn_to(None)\n"
        "        self._turn_to(self._opened(os.O_RDONLY, {errno.ENOENT: _NOT_THERE}))\n",
    ),
    _mutant(
        "two subscribers on one pipe",
        "Nobody is kept from a pipe that has a subscriber, so that each gets parts of frames.",
        PIPE_TESTS,
        "src/utils/pipes.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB",
        "fcntl.LOCK_SH | fcntl.LOCK_NB",
    ),
    # --- loading files ---
    _mutant(
        "keep the byte order mark",
        "The mark of UTF-8 stays in front of the first event.",
        LOAD_TESTS,
        "src/pipeline/staging/load_open.py",
        "    file.read(len(mark))\n",
        "",
    ),
    _mutant(
        "go on where the text makes no sense",
        "Two values without a separator are taken, so that a missing quote hides what follows.",
        LOAD_TESTS,
        "src/pipeline/staging/load_json.py",
        "return self._last != VALUE",
        "return True",
    ),
    _mutant(
        "fill up short rows",
        "A row with fewer fields than the header is taken as if the last ones were empty.",
        LOAD_TESTS,
        "src/pipeline/staging/load_csv.py",
        "len(row) < len(header.names) or any",
        "any",
    ),
    _mutant(
        "guess decimal commas",
        "A number like 3,50 is read as 3.50 without being asked to.",
        LOAD_TESTS,
        "src/pipeline/staging/load_csv.py",
        "    if has_decimal_comma:\n        found",
        "    if not has_decimal_comma:\n        found",
    ),
    _mutant(
        "never mind the other stream",
        "A file of another stream is staged if one of its events is also of this stream.",
        LOAD_TESTS,
        "src/pipeline/staging/load_look.py",
        "    if best != stream:",
        "    if best != stream and not seen[stream].kept:",
    ),
    # --- merging ---
    _mutant(
        "watermark by seq",
        "The next batch begins behind the greatest number taken; late commits are passed over.",
        MERGE_TESTS,
        "src/pipeline/sql/merge/move_cursor.sql",
        "    taken_seq = %(high_seq)s,\n",
        "    taken_seq = %(high_seq)s,\n    looked_seq = %(high_seq)s,\n",
    ),
    _mutant(
        "settled too early",
        "The cursor passes numbers that a transaction under way still holds.",
        MERGE_TESTS,
        "src/pipeline/sql/merge/settle_cursor.sql",
        "    FROM staging.merge_cursor AS c\n    CROSS JOIN",
        "    FROM (SELECT * FROM staging.merge_cursor WHERE FALSE) AS c\n    CROSS JOIN",
    ),
    _mutant(
        "writers asked for too late",
        "Who can still make rows appear is asked after the rows: who ends in between is missed.",
        LATE_TESTS,
        "src/pipeline/merge/merge.py",
        """\
    found = fetch_one(cursor, "merge/next_behind", asked)
""",
        """\
    found = fetch_one(cursor, "merge/next_behind", asked)
    asked |= fetch_one(cursor, "merge/look_behind", {"stream": stream})._asdict()
""",
    ),
    _mutant(
        "every old transaction counts",
        "A forgotten transaction that writes no raw row makes every merge look at all rows since.",
        LATE_TESTS,
        "src/pipeline/sql/merge/look_behind.sql",
        "        held.locktype = 'relation'\n        AND held.mode = 'RowExclusiveLock'\n",
        "        held.locktype = 'relation' OR held.mode = 'ExclusiveLock'\n"
        "        OR held.mode = 'RowExclusiveLock'\n",
    ),
    _mutant(
        "typed rows gone unnoticed",
        "A batch goes on although rows that were typed ahead are gone: they get no outcome.",
        TYPIST_TESTS,
        "src/pipeline/merge/merge.py",
        "        raise TypedRowsGoneError\n",
        "        pass\n",
    ),
    _mutant(
        "typed rows of another place",
        "Rows that were typed ahead are merged although another merger has taken them meanwhile.",
        TYPIST_TESTS,
        "src/pipeline/merge/typist.py",
        "if self._typed is None or self._typed.taken_seq != taken_seq:",
        "if self._typed is None:",
    ),
    _mutant(
        "typed by an older contract",
        "Rows stay typed although the contract has changed.",
        TYPIST_TESTS,
        "src/pipeline/sql/schema/repeatable/122_work_tables.sql.jinja",
        "TRUNCATE staging.{{ stream.name }}_typed, staging.{{ stream.name }}_judged;\n",
        "",
    ),
    _mutant(
        "patients without a lock",
        "A patient is deleted while a claim of theirs is being inserted.",
        GIVEN_TESTS,
        "setup/init_db.sql",
        "        FOR KEY SHARE OF p\n",
        "",
    ),
    _mutant(
        "deleted patient of a snapshot",
        "A patient is deleted in a snapshot that does not show their newest claim.",
        GIVEN_TESTS,
        "setup/init_db.sql",
        "IF current_setting('transaction_isolation') <> 'read committed' THEN",
        "IF FALSE THEN",
    ),
    _mutant(
        "outcome in a second transaction",
        "Clean rows are committed first, their outcomes afterwards.",
        MERGE_TESTS,
        "src/pipeline/merge/merge.py",
        """\
    done = take(cursor, stream, rows)
""",
        """\
    done = take(cursor, stream, rows)
    cursor.execute(
        "CREATE TEMP TABLE late_outcome AS SELECT * FROM staging.outcome WHERE run_id = %(run_id)s",
        rows,
    )
    cursor.execute("DELETE FROM staging.outcome WHERE run_id = %(run_id)s", rows)
    cursor.connection.commit()
    cursor.execute("INSERT INTO staging.outcome SELECT * FROM late_outcome")
    cursor.execute("DROP TABLE late_outcome")
""",
    ),
    _mutant(
        "cursor in a second transaction",
        "What was merged is committed before the cursor and the batch's counts.",
        MERGE_TESTS,
        "src/pipeline/merge/merge.py",
        """\
    done = take(cursor, stream, rows)
""",
        """\
    done = take(cursor, stream, rows)
    cursor.connection.commit()
""",
    ),
    _mutant(
        "wait for no patient",
        "A row that is rejected for its unknown patient is forgotten, whenever the patient comes.",
        PATIENT_TESTS,
        AWAIT_PATIENTS,
        "j.reason = 'unknown_patient'\n",
        "j.reason = 'unknown_patients'\n",
    ),
    _mutant(
        "look for the same patients again and again",
        "Of many awaited patients, only the first ones are ever looked for.",
        PATIENT_TESTS,
        "src/pipeline/sql/merge/settle_awaited.sql",
        "    awaited_from = %(next_patient)s\n",
        "    awaited_from = awaited_from\n",
    ),
    _mutant(
        "forget the earlier outcome",
        "A row whose patient has come loses the record that it was rejected.",
        PATIENT_TESTS,
        "src/pipeline/sql/schema/repeatable/190_put_back_awaited.sql",
        "        FROM put_back AS b\n        ORDER BY b.seq\n",
        "        FROM put_back AS b\n        WHERE FALSE\n",
    ),
    _mutant(
        "a cancelled row is rejected",
        "A statement that an administrator cancels is taken for one that ran into its time limit.",
        UNPROCESSABLE_TESTS,
        FAILURE,
        "isinstance(error, QueryCanceled) and took >= NEARLY * limit",
        "isinstance(error, QueryCanceled)",
    ),
    _mutant(
        "halve only",
        "After a half that succeeded the size grows at once, so that a bad row is found slowly.",
        UNPROCESSABLE_TESTS,
        FAILURE,
        "            self.next = max(1, suspects // 2)\n            return\n",
        "            self.next = min(2 * self.next, self._most)\n            return\n",
    ),
    _mutant(
        "reject the rest of a bad batch",
        "The rows after the one that can't be processed are rejected with it.",
        UNPROCESSABLE_TESTS,
        "src/pipeline/sql/merge/reject_row.sql",
        "        AND e.seq = %(low_seq)s\n",
        "        AND e.seq >= %(low_seq)s\n",
    ),
    _mutant(
        "look into a row that can't be processed",
        "A rebuild parses the payload again that failed in the merge.",
        UNPROCESSABLE_TESTS,
        DERIVE,
        "CASE WHEN f.reason = 'unprocessable' THEN NULL ELSE f.payload END",
        "f.payload",
    ),
    _mutant(
        "no ORDER BY",
        "Of the rows of an id, any one of the batch is taken for the first.",
        MERGE_TESTS,
        FATE,
        """, b.reason IS NULL ORDER BY b.{{ order | join(", b.") }})""",
        ", b.reason IS NULL)",
    ),
    _mutant(
        "last of a batch wins",
        "Of the rows of an id in a batch, the last is taken for the first.",
        MERGE_TESTS,
        FATE,
        """ORDER BY b.{{ order | join(", b.") }})""",
        """ORDER BY b.{{ order | join(", b.") }} DESC)""",
    ),
    Mutant(
        "upsert",
        "A later row of an id overwrites the clean one: last wins.",
        MERGE_TESTS,
        (
            Edit(
                INSERT_CLEAN_ROWS,
                """\
WHERE j.work_id = %(work_id)s AND j.fate = 'merged'
ORDER BY j.key
""",
                """\
WHERE j.seq IN (
    SELECT max(k.seq) FROM staging.{{ stream.name }}_judged AS k
    WHERE k.work_id = %(work_id)s AND k.fate IN ('merged', 'conflict') GROUP BY k.key
)
ORDER BY j.key
ON CONFLICT (id) DO UPDATE
    SET ({{ stream.content() }}, tsp) = ({{ stream.content("excluded.") }}, excluded.tsp)
""",
            ),
        ),
    ),
    _mutant(
        "conflict counted as duplicate",
        "A row of the same id with other content passes for a repetition.",
        MERGE_TESTS,
        FATE,
        "ELSE 'conflict'",
        "ELSE 'duplicate'",
    ),
    _mutant(
        "price makes no conflict",
        "A later row of an id with another price passes for a repetition.",
        MERGE_TESTS,
        FATE,
        """WHEN ({{ stream.content("a.") }}) = ({{ stream.content("earlier.") }})""",
        """WHEN ({{ stream.content("a.") | replace("a.price", "0") }})"""
        """ = ({{ stream.content("earlier.") | replace("earlier.price", "0") }})""",
    ),
    _mutant(
        "merge without locking the cursor",
        "Two mergers take the same rows at once.",
        MERGE_TESTS,
        "src/pipeline/sql/merge/lock_cursor.sql",
        "\nFOR UPDATE",
        "",
    ),
    Mutant(
        "reject on a transient error",
        "Where the merge meets a timeout or a deadlock, its rows are rejected.",
        MERGE_TESTS,
        (
            Edit(
                "src/pipeline/merge/merge.py",
                """\
    done = take(cursor, stream, rows)
""",
                """\
    cursor.execute("SAVEPOINT before_the_merge")
    try:
        done = take(cursor, stream, rows)
    except psycopg2.OperationalError:
        cursor.execute("ROLLBACK TO before_the_merge")
        cursor.execute(
            "INSERT INTO staging.outcome (seq, stream, fate, reason, run_id, received_at)"
            " SELECT seq, stream, 'rejected', 'unstorable', %(run_id)s, received_at"
            " FROM staging.event"
            " WHERE stream = %(stream)s AND seq BETWEEN %(low_seq)s AND %(high_seq)s",
            {**rows, "stream": stream},
        )
        nothing = dict.fromkeys(("merged", "duplicate", "conflict", "dirtied_windows"), 0)
        done = {**nothing, "reasons": {}, "rejected": cursor.rowcount}
""",
            ),
        ),
    ),
    _mutant(
        "no sweep",
        "Raw rows that the cursor has passed stay pending for ever.",
        MERGE_TESTS,
        "src/pipeline/merge/merge.py",
        "*([sweep] if sweep else [])",
        "*([sweep] if sweep and not sweep else [])",
    ),
    _mutant(
        "retry that swallows the last error",
        "A step that failed to the end counts as done.",
        ("tests/integration/test_database.py", "tests/integration/test_merge.py"),
        "src/pipeline/core/database.py",
        """\
            before_sleep=self._log_retry,
            reraise=True,
""",
        """\
            before_sleep=self._log_retry,
            retry_error_callback=lambda _: None,
""",
    ),
    # --- the contract ---
    _mutant(
        "float price",
        "A price goes through a floating-point number on its way.",
        STAGING_TESTS,
        CLAIM_CONTRACT,
        "(f.document -> 'price')::numeric",
        "(f.document -> 'price')::double precision::numeric",
    ),
    _mutant(
        "round a third decimal",
        "A price with three decimals is rounded instead of rejected.",
        STAGING_TESTS,
        CLAIM_CONTRACT,
        "scale(trim_scale(t.price)) <= 2",
        "scale(trim_scale(t.price)) <= 3",
    ),
    _mutant(
        "count bytes for characters",
        "A code of sixteen characters is too long where they are not ASCII.",
        STAGING_TESTS,
        CLAIM_CONTRACT,
        "length(staging.trim_space(t.code)) BETWEEN",
        "octet_length(staging.trim_space(t.code)) BETWEEN",
    ),
    _mutant(
        "last of two keys wins",
        "A key that is there twice is no reason to reject.",
        STAGING_TESTS,
        "src/pipeline/sql/schema/repeatable/140_parse_event.sql",
        "AND payload IS JSON OBJECT WITH UNIQUE KEYS",
        "AND payload IS JSON OBJECT",
    ),
    _mutant(
        "keys inside count too",
        "A key that an object inside has twice rejects the event.",
        STAGING_TESTS,
        "src/pipeline/sql/schema/repeatable/140_parse_event.sql",
        "contract >= 2 AND staging.has_unique_keys(payload)",
        "FALSE",
    ),
    _mutant(
        "count a level too few",
        "A payload that is nested one level too deep is taken.",
        ("tests/sql/test_cases.py",),
        "src/pipeline/sql/schema/repeatable/138_nests_deeper.sql",
        "11 + sum(",
        "10 + sum(",
    ),
    _mutant(
        "round to microseconds",
        "A time just before a window's end moves into the next window.",
        STAGING_TESTS,
        "src/pipeline/sql/schema/repeatable/138_read_time.sql",
        "[0-9]{1,6})[0-9]*)",
        "[0-9]+)[0-9]*)",
    ),
    _mutant(
        "a leap second at any time",
        "A second 60 is taken where there is no leap second.",
        STAGING_TESTS,
        "src/pipeline/sql/schema/repeatable/138_read_time.sql",
        "< '23:59:59'",
        "< '00:00:00'",
    ),
    _mutant(
        "leave the no-break spaces",
        "Only plain spaces and line ends are taken off a code.",
        STAGING_TESTS,
        "src/pipeline/sql/schema/repeatable/137_trim_space.sql",
        "\\u0085\\u00a0",
        "",
    ),
    _mutant(
        "take off letters of ICD-10-CM",
        "C81.0A, a code of ICD-10-CM, loses its letter.",
        ("tests/sql/test_cases.py",),
        "src/pipeline/sql/schema/repeatable/139_icd10_code.sql",
        "C8[1-5]|",
        "",
    ),
    _mutant(
        "judge old rows by the new contract",
        "verify reads a row that was merged by an older contract by the newest one.",
        ("tests/integration/test_contract_version.py",),
        "src/pipeline/sql/audit/verify/050_equals_raw.sql.jinja",
        "coalesce(m.contract, staging.contract_version()), s.ids) AS raw",
        "staging.contract_version(), s.ids) AS raw",
    ),
    _mutant(
        "parse before counting the depth",
        "A payload nested too deep fails the batch instead of being rejected.",
        STAGING_TESTS,
        "src/pipeline/sql/schema/repeatable/140_parse_event.sql",
        "staging.nests_deeper(payload, 1000)",
        "staging.nests_deeper(payload, 1000000)",
    ),
    # --- windows and figures ---
    _mutant(
        "add to a window",
        "A window that is due again is added to, instead of computed anew.",
        REVENUE_TESTS,
        PUBLISH,
        "revenue = excluded.revenue,",
        "revenue = analytics.revenue_by_diagnosis.revenue + excluded.revenue,",
    ),
    _mutant(
        "drop late diagnoses",
        "A diagnosis changes no window that has closed.",
        REVENUE_TESTS,
        MARK_WINDOWS,
        "j.fate = 'merged'\n        AND j.icd10_code = any(",
        "j.tsp > now() - interval '10 minutes' AND j.icd10_code = any(",
    ),
    _mutant(
        "float money",
        "Prices are summed up as floating-point numbers.",
        REVENUE_TESTS,
        COMPUTE,
        "sum(c.price) AS revenue",
        "sum(c.price::double precision)::numeric AS revenue",
    ),
    _mutant(
        "window closed at its end",
        "A claim on the boundary counts in the window before as well.",
        REVENUE_TESTS,
        COMPUTE,
        "AND staging.as_tsp(w.window_end, c.tsp) > c.tsp\n",
        "AND staging.as_tsp(w.window_end, c.tsp) >= c.tsp\n",
    ),
    _mutant(
        "window closed at the wrong end",
        "A claim on the boundary counts in the window that it ends.",
        REVENUE_TESTS,
        COMPUTE,
        "staging.as_tsp(w.window_start, c.tsp) <= c.tsp AND staging.as_tsp(w.window_end, c.tsp) >",
        "staging.as_tsp(w.window_start, c.tsp) < c.tsp AND staging.as_tsp(w.window_end, c.tsp) >=",
    ),
    _mutant(
        "windows in local time",
        "Windows are cut in a time zone whose offset is not a multiple of the window's length.",
        REVENUE_TESTS,
        MARK_WINDOWS,
        "analytics.window_start(j.tsp) AS window_start",
        "date_bin('10 minutes', j.tsp AT TIME ZONE 'Asia/Kathmandu', timestamp 'epoch')"
        " AT TIME ZONE 'Asia/Kathmandu' AS window_start",
    ),
    _mutant(
        "diagnosis off by a window",
        "A diagnosis counts only from the window behind its own.",
        REVENUE_TESTS,
        COMPUTE,
        "c.window_end > f.tsp",
        "c.window_start > f.tsp",
    ),
    _mutant(
        "a patient for each diagnosis",
        "A patient counts as often as diagnosed.",
        SQL_TESTS,
        "src/pipeline/sql/schema/repeatable/210_figures.sql.jinja",
        "GROUP BY f.patient_id, f.category\n",
        "GROUP BY f.patient_id, f.category, f.tsp\n",
    ),
    Mutant(
        "publish open windows",
        "A window is computed although it has not closed.",
        REVENUE_TESTS,
        (
            Edit(
                "src/pipeline/sql/schema/repeatable/170_due_window.sql",
                "WHERE analytics.window_end(d.window_start) <= closed_by",
                "WHERE d.window_start <= closed_by",
            ),
            Edit(
                COMPUTE,
                "AND analytics.window_end(d.window_start) <= %(now)s",
                "AND d.window_start <= %(now)s",
            ),
        ),
    ),
    _mutant(
        "clear all marks at publication",
        "Publishing clears marks that came after the figures were computed.",
        REVENUE_TESTS,
        PUBLISH,
        "WHERE d.window_start = c.window_start AND d.mark_id <= c.mark_id",
        "WHERE d.window_start = c.window_start",
    ),
    _mutant(
        "publish whatever is newest",
        "A run publishes over a later one.",
        REVENUE_TESTS,
        PUBLISH,
        "INNER JOIN cleared_mark AS m",
        "LEFT JOIN cleared_mark AS m",
    ),
    # --- verify ---
    _mutant(
        "verify looks one way",
        "A published figure that nothing stands behind is not found.",
        SQL_TESTS,
        REVENUE_PROMISE,
        "    SELECT * FROM published\n    EXCEPT\n",
        "    SELECT * FROM published\n    WHERE FALSE\n    EXCEPT\n",
    ),
    _mutant(
        "verify looks the other way",
        "A figure that should be published and isn't is not found.",
        SQL_TESTS,
        REVENUE_PROMISE,
        "    SELECT * FROM expected\n    EXCEPT\n",
        "    SELECT * FROM expected\n    WHERE FALSE\n    EXCEPT\n",
    ),
    _mutant(
        "count on into the ids of others",
        "The simulated office counts on behind the end of its own ids, where it sees none.",
        SQL_TESTS,
        "src/pipeline/sql/staging/next_id.sql.jinja",
        "WHEN l.entity_id < %(base)s + 900000000000 THEN",
        "WHEN l.entity_id < %(base)s + 2000000000000 THEN",
    ),
    _mutant(
        "die with the terminal",
        "A closed terminal ends `run` at once, and leaves its servers behind.",
        SIGNAL_TESTS,
        "src/utils/pipeline_utils.py",
        "    _handle(filter(_is_heeded, [signal.SIGHUP]), handle)\n",
        "",
    ),
    _mutant(
        "no nohup",
        "A hangup stops what was started to outlive its terminal.",
        SIGNAL_TESTS,
        "src/utils/pipeline_utils.py",
        "return signal.getsignal(number) != signal.SIG_IGN",
        "return True",
    ),
    _mutant(
        "count the payload alone",
        "A payload is offered to the broker although it is too large together with its headers.",
        JETSTREAM_TESTS,
        "src/utils/jetstream.py",
        "len(payload) + size_of(headers)",
        "len(payload)",
    ),
    _mutant(
        "offer a refused event for ever",
        "An event that the sink can never take holds its stream up.",
        ("tests/unit/test_publisher.py",),
        "src/publisher.py",
        "extra=left)  # noqa: TRY400\n                return\n",
        "extra=left)  # noqa: TRY400\n",
    ),
    _mutant(
        "a password as it stands in the URL",
        "A percent-encoded password is not decoded.",
        JETSTREAM_TESTS,
        "src/utils/jetstream.py",
        '"password": unquote(parts.password)',
        '"password": parts.password',
    ),
    _mutant(
        "given tables of any type",
        "A given table with a column of another type passes for right.",
        SQL_TESTS,
        "src/pipeline/sql/schema/given/differences.sql.jinja",
        "f.is_missing OR NOT f.is_of_use OR",
        "f.is_missing OR",
    ),
    # --- categories ---
    _mutant(
        "overlook a renamed category",
        "Only a code that was added or removed counts as a change.",
        REVENUE_TESTS,
        "src/pipeline/sql/schema/repeatable/172_counted_diagnosis.sql",
        "ON t.icd10_code = b.icd10_code AND t.category = b.category;",
        "ON t.icd10_code = b.icd10_code;",
    ),
    _mutant(
        "overlook a category that is gone",
        "A code that was removed makes no window due.",
        REVENUE_TESTS,
        "src/pipeline/sql/revenue/take_in_categories.sql",
        "SELECT r.icd10_code\nFROM removed_code AS r\nUNION ALL\n",
        "",
    ),
    _mutant(
        "keep figures of no category",
        "Where no category is left, the figures stay.",
        SQL_TESTS,
        "src/pipeline/sql/revenue/clear_empty_windows.sql",
        "NOT EXISTS (SELECT b.icd10_code FROM analytics.backfilled_diagnosis AS b)",
        "FALSE",
    ),
    _mutant(
        "mark by the codes of the moment",
        "A diagnosis that is merged while its code is gone for a moment marks no window.",
        REVENUE_TESTS,
        MARK_WINDOWS,
        "array(SELECT c.icd10_code FROM analytics.counted_diagnosis AS c)",
        "array(SELECT c.icd10_code FROM analytics.tracked_diagnosis AS c)",
    ),
    _mutant(
        "forget a change of categories",
        "A change that no run takes in is no fault.",
        REVENUE_TESTS,
        "src/pipeline/sql/audit/verify/092_categories_are_taken_in.sql",
        "WHERE c.is_tracked <> c.is_backfilled AND",
        "WHERE FALSE AND",
    ),
    # --- what verify finds is mended ---
    _mutant(
        "leave a damaged figure",
        "A rebuild does not mark the windows whose figures are wrong.",
        MENDING_TESTS,
        "src/pipeline/audit/rebuild.py",
        "sorted(touched | at_fault)",
        "sorted(touched)",
    ),
    _mutant(
        "leave a figure of a window to come",
        "A figure of a window that has not closed stays.",
        MENDING_TESTS,
        "src/pipeline/sql/revenue/clear_empty_windows.sql",
        "OR (w.window_end > %(now)s AND",
        "OR (FALSE AND",
    ),
    _mutant(
        "leave a figure of an open window",
        "A figure of a window that is open and has claims stays until it closes.",
        SQL_TESTS,
        "src/pipeline/sql/revenue/withdraw_open_windows.sql",
        "r.window_start > %(now)s - analytics.window_length()",
        "r.window_start > %(now)s",
    ),
    _mutant(
        "leave a batch that was deleted",
        "A rebuild compares only batches that are there.",
        MENDING_TESTS,
        "src/pipeline/sql/audit/rebuild/compare_batch.sql",
        "FULL JOIN",
        "LEFT JOIN",
    ),
    _mutant(
        "number a batch twice",
        "The number of a batch that was put back is given out again.",
        MENDING_TESTS,
        "src/pipeline/audit/rebuild.py",
        '    execute(cursor, "audit/rebuild/count_batches_on")\n',
        "",
    ),
    # --- the gate ---
    _mutant(
        "skip the gate",
        "Windows are published although a critical check failed.",
        CHECK_TESTS,
        "src/pipeline/quality/cycle.py",
        "_settle(cursor, candidate, passed, general + of_windows)",
        "_settle(cursor, candidate, candidate.windows, general + of_windows)",
    ),
    _mutant(
        "an errored check passes",
        "A check that broke counts as passed.",
        CHECK_TESTS,
        "src/pipeline/quality/checks.py",
        'return "errored"',
        'return "passed"',
    ),
    _mutant(
        "a misspelt check is dropped",
        "A check that the library doesn't know is left out without a word.",
        CHECK_TESTS,
        "src/pipeline/quality/cycle.py",
        "return checker.broken_checks() + results",
        "return results",
    ),
    # --- what is usual ---
    _mutant(
        "no room for chance",
        "A few more conflicts than usual bring a warning, as chance has them every day.",
        HABIT_TESTS,
        HABIT,
        "THEN greatest(4.5 / 2 * sqrt(1.0 / nullif(c.received, 0)",
        "THEN greatest(0 * sqrt(1.0 / nullif(c.received, 0)",
    ),
    Mutant(
        "compare with the clock of UTC",
        "A practice is compared with another hour of its day after the clock was changed.",
        HABIT_TESTS,
        (
            Edit(HABIT, "(until AT TIME ZONE zone - ", "(until - "),
            Edit(HABIT, "') AT TIME ZONE zone AS same_time", "') AS same_time"),
        ),
    ),
    _mutant(
        "a holiday is a week like others",
        "A week in which the practice was closed counts, so that little becomes usual.",
        HABIT_TESTS,
        HABIT,
        "FROM (SELECT 0 AS weeks_ago UNION SELECT s.weeks_ago FROM open_stretch AS s) AS o",
        "FROM stretch AS o",
    ),
    _mutant(
        "expect what nobody could send",
        "A stream that starts after a pause is expected to have brought all that is usual.",
        HABIT_TESTS,
        HABIT,
        "WHEN h.weeks >= 2 AND c.measure = 'received' THEN o.open_share * h.place ^ 2",
        "WHEN h.weeks >= 2 AND c.measure = 'received' THEN h.place ^ 2",
    ),
    _mutant(
        "notice a change too late",
        "Conflicts that double are compared with what is usual of five hours.",
        HABIT_TESTS,
        HABIT,
        "SELECT greatest(2 * analytics.window_length(), interval '20 minutes') AS length",
        "SELECT interval '5 hours' AS length",
    ),
    # --- the simulated office ---
    _mutant(
        "repeat no id with other content",
        "The simulated office contradicts nothing that it has sent.",
        PUBLISHER_TESTS,
        "src/publisher.py",
        "event = new(rng.randint(first_id, number) if repeats else number)",
        "event = new(number)",
    ),
    # --- raw rows that are gone ---
    _mutant(
        "forget what is gone",
        "An analytics run publishes figures whose raw rows are gone without a record.",
        ERASED_TESTS,
        "src/pipeline/quality/cycle.py",
        'execute(cursor, "quality/note_gone_rows", asdict(candidate))',
        "None",
    ),
    _mutant(
        "a gone diagnosis touches one window",
        "A diagnosis whose raw row is gone holds back no window behind its own.",
        ERASED_TESTS,
        "src/pipeline/sql/schema/repeatable/180_gone_row_window.sql.jinja",
        "clean.tsp >= staging.as_tsp(touched.since, clean.tsp)",
        "analytics.window_start(clean.tsp) = touched.since",
    ),
    _mutant(
        "whatever was found gone counts as erased",
        "verify is content although nobody has recorded an erasure.",
        ERASED_TESTS,
        "src/pipeline/sql/audit/verify/020_outcome_has_raw_row.sql",
        " AND x.reason IS NOT NULL",
        "",
    ),
    _mutant(
        "an erased row is no first one",
        "A rebuild does not compare later rows of an id with an erased row's clean one.",
        ERASED_TESTS,
        "src/pipeline/sql/audit/rebuild/derive_rows.sql.jinja",
        "    WHERE x.fate = 'merged'\n",
        "    WHERE x.fate = 'merged' AND FALSE\n",
    ),
    _mutant(
        "record what is there",
        "An erasure is recorded of raw rows that are archived.",
        ("tests/integration/test_archive.py", *SQL_TESTS),
        "src/pipeline/sql/audit/erased/gone.jinja",
        "            WHERE a.seq = o.seq\n",
        "            WHERE a.seq = o.seq AND FALSE\n",
    ),
    # --- the practice's clock ---
    _mutant(
        "days in UTC",
        "A local day begins at midnight UTC.",
        ZONE_TESTS,
        "src/pipeline/core/local_time.py",
        "datetime.combine(day, time.min, zone)",
        "datetime.combine(day, time.min, UTC)",
    ),
    _mutant(
        "two hours look alike",
        "The hour that comes twice is written without its offset.",
        ZONE_TESTS,
        "src/pipeline/core/notation.py",
        " if is_repeated(local) else ",
        " if False else ",
    ),
    _mutant(
        "pages of two zones",
        "Pages of days stay as they are when the time zone changes.",
        ZONE_TESTS,
        "src/pipeline/report/revenue_pages.py",
        "context.adminer, context.notation, context.window_length)",
        "context.adminer, context.window_length)",
    ),
    _mutant(
        "a month as it was",
        "A month in the page of all days stays as it is when one of its days changes.",
        ("tests/integration/test_revenue_pages.py",),
        "src/pipeline/report/revenue_pages.py",
        "if month in renewed or month not in kept:",
        "if month not in kept:",
    ),
    _mutant(
        "a window cut at midnight",
        "The claims of a window across midnight are counted up to midnight only.",
        ZONE_TESTS,
        "src/pipeline/report/revenue_pages.py",
        "next_window(each, context.window_length) for each",
        "each for each",
    ),
    _mutant(
        "follow a link",
        "The server of the pages follows a link out of their folder.",
        ("tests/unit/test_serving.py",),
        "src/pipeline/operations/serving.py",
        "_may_be_sent(Path(path).resolve(), folder)",
        "_may_be_sent(Path(path), folder)",
    ),
    # --- what a process says of itself ---
    _mutant(
        "always well",
        "The health check says yes whatever is wrong.",
        ("tests/unit/test_monitor.py",),
        "src/pipeline/operations/monitor.py",
        "self._say_health(self._problems())",
        "self._say_health([])",
    ),
    _mutant(
        "count before it is staged",
        "An event counts as staged although its callback fails.",
        METRICS_TESTS,
        "src/pipeline/operations/metrics.py",
        """\
            try:
                callback(payloads)
            except""",
        """\
            try:
                appended.inc(len(payloads))
                callback(payloads)
            except""",
    ),
    _mutant(
        "a label from data",
        "What somebody wrote into the stream's name is shown as a label.",
        METRICS_TESTS,
        "src/pipeline/operations/metrics.py",
        "for stream in STREAMS:\n            self._unbalanced",
        "for stream in {*STREAMS, *rows}:\n            self._unbalanced",
    ),
    # --- being told ---
    _mutant(
        "tell without a claim",
        "Two processes that look at once send the same message twice.",
        NOTICE_TESTS,
        "src/pipeline/sql/operations/notices/claim.sql",
        "SET tried_at = %(now)s",
        "SET tried_at = tried_at",
    ),
    _mutant(
        "tell again and again",
        "A message is not recorded as taken, so that it is sent again.",
        NOTICE_TESTS,
        "src/pipeline/sql/operations/notices/settle.sql",
        "told = %(told)s::bigint[],",
        "told = told,",
    ),
    _mutant(
        "wait for a receiver that hangs",
        "A receiver that does not answer keeps all others from being told.",
        NOTICE_TESTS,
        "src/pipeline/operations/receivers.py",
        "self._sending.join(seconds)",
        "self._sending.join()",
    ),
    _mutant(
        "show the host of every receiver",
        "What is shown of a receiver holds its token.",
        NOTICE_TESTS,
        "src/pipeline/operations/receivers.py",
        "if is_host and found.host else",
        "if found.host else",
    ),
    _mutant(
        "a restart ends a trouble",
        "Who has just begun to watch takes a run that is missed for one that may still come.",
        SQL_TESTS,
        "src/pipeline/sql/operations/notices/missed_runs.sql",
        "WHERE t.kind = 'missed_run' AND t.ended_at IS NULL",
        "WHERE t.kind = 'missed_run' AND t.ended_at IS NOT NULL",
    ),
    _mutant(
        "a restart ends a silence",
        "Who has just begun to watch takes a silent stream for one that may still speak.",
        NOTICE_TESTS,
        "src/pipeline/sql/operations/notices/silent_streams.sql",
        "<= %(quiet_since)s OR t.trouble_id IS NOT NULL)",
        "<= %(quiet_since)s)",
    ),
    # --- the practice's own tables ---
    _mutant(
        "a clean time in the session's time zone",
        "A timestamp of the practice is taken for one in the session's time zone.",
        PRACTICE_TESTS,
        "src/pipeline/sql/schema/repeatable/105_moment.sql",
        "AS $$ SELECT moment AT TIME ZONE 'UTC' $$",
        "AS $$ SELECT moment::timestamp $$",
    ),
    _mutant(
        "a limit that is not recorded",
        "A rebuild judges older batches by the columns of now.",
        PRACTICE_TESTS,
        "src/pipeline/sql/merge/limits.jinja",
        " AND l.since_run <= {{ run_id }}",
        "",
    ),
    _mutant(
        "merge an id again",
        "An id whose clean row somebody has removed with all others is merged a second time.",
        PRACTICE_TESTS,
        "src/pipeline/merge/merge.py",
        'STEPS_EMPTIED if rows["is_emptied"] else STEPS',
        "STEPS",
    ),
    _mutant(
        "compute from an emptied table",
        "Analytics withdraws the figures of windows whose claims somebody has removed.",
        PRACTICE_TESTS,
        "src/pipeline/revenue/revenue.py",
        "if not emptied:",
        "if True:",
    ),
    _mutant(
        "forget that a table was emptied",
        "A table that was emptied counts as whole as soon as a new row is merged into it.",
        PRACTICE_TESTS,
        "src/pipeline/sql/schema/repeatable/166_emptied_table.sql.jinja",
        "c.emptied_at IS NOT NULL OR (",
        "(",
    ),
    # --- privacy ---
    _mutant(
        "log a payload",
        "The callback logs what it received.",
        PRIVACY_TESTS,
        "src/ingestor.py",
        "            append(cursor, stream, payloads)\n",
        "            append(cursor, stream, payloads)\n"
        '            log.info("staged %r", payloads)\n',
    ),
    _mutant(
        "log an error's text",
        "A log line says what the database said, which quotes the row.",
        PRIVACY_TESTS,
        "src/pipeline/core/database.py",
        'return f"{type(error).__name__} {sqlstate}" if sqlstate else type(error).__name__',
        'return f"{type(error).__name__} {sqlstate} {error}"',
    ),
    _mutant(
        "statements in the server's log",
        "PostgreSQL logs the statement that failed, values and all.",
        PRIVACY_TESTS,
        "src/pipeline/operations/embedded.py",
        '"log_min_error_statement": "panic"',
        '"log_min_error_statement": "error"',
    ),
]
