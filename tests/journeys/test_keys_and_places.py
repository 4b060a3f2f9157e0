"""A workspace's key is its own, and its folder may be copied and moved."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from unittest import mock

import pytest
from fastapi.testclient import TestClient

from console.answer import running_server
from desk.app import create_app
from desk.permit import COOKIE
from handrail.acts import keying
from handrail.errors import WrongKey
from handrail.sample import SampleBusiness
from handrail.store import trail
from handrail.store.engine import Store
from handrail.store.trail import Event
from handrail.workspace import Workspace
from models import artifact, copies, tracking
from models.registry import model_name
from tests.scenes import NOW
from tests.workspaces import MAPPING, TRAINED_AT, Handrail, deliver

POLICY = MAPPING.with_name("policy.yaml")
OTHER_KEY = "f" * 64


def every_file(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with what it holds."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


class TestTheKey:
    DOORS = (
        ("status",),
        ("run", "FILE", "--mapping", MAPPING),
        ("train",),
        ("purge",),
        ("pause", "--all", "--reason", "odd"),
        ("watch",),
        ("desk", "--port", "0"),
        ("up",),
        ("init",),
    )

    @pytest.mark.parametrize("words", DOORS, ids=lambda words: words[0])
    def test_another_key_is_refused_at_every_door_with_the_remedy(
        self, begun: Handrail, business: SampleBusiness, tmp_path: Path, words: tuple[object, ...]
    ) -> None:
        file = deliver(business.cases.head(5), tmp_path / "cases.csv")
        Workspace(begun.home).secret_file.write_text(OTHER_KEY)
        before = begun.rows("SELECT count(*) FROM trail")
        refusal = begun(*(file if word == "FILE" else word for word in words)).refusal
        assert "not the one" in refusal
        assert "Restore secret.key" in refusal
        assert begun.rows("SELECT count(*) FROM trail") == before

    @pytest.mark.parametrize("words", [("status",), ("init",), ("desk", "--port", "0")], ids=lambda words: words[0])
    def test_a_lost_key_is_never_replaced(self, begun: Handrail, words: tuple[str, ...]) -> None:
        key = Workspace(begun.home).secret_file
        text = key.read_text()
        key.unlink()
        refusal = begun(*words).refusal
        assert "is lost" in refusal
        assert "Restore it" in refusal
        assert not key.exists()
        key.write_text(text)
        assert begun("status").code == 0

    def test_the_doctor_names_it(self, begun: Handrail) -> None:
        Workspace(begun.home).secret_file.write_text(OTHER_KEY)
        answer = begun("doctor")
        assert answer.code == 1
        assert "BAD  workspace: The key is not the one" in answer.out

    def test_a_desk_answers_with_the_sentence(self, begun: Handrail) -> None:
        workspace = Workspace(begun.home)
        workspace.secret_file.write_text(OTHER_KEY)
        app = create_app(workspace, clock=lambda: NOW)
        client = TestClient(app, base_url="https://desk.test", follow_redirects=False)
        client.cookies.set(COOKIE, "a session of before")
        page = client.get("/review")
        app.state.desk.close()
        assert page.status_code == 503
        assert "The key is not the one with which this database was begun" in page.text
        assert "Ask whoever runs Handrail" in page.text, "a desk tells of no file and no command"

    def test_surroundings_that_are_no_text_are_one_sentence(self, begun: Handrail) -> None:
        with mock.patch.dict("os.environ", {"HANDRAIL_SECRET": "\udcff" * 64}):
            assert "HANDRAIL_SECRET is not UTF-8 text" in begun("status").refusal

    def test_the_key_may_come_from_the_surroundings(self, begun: Handrail) -> None:
        key = Workspace(begun.home).secret_file
        text = key.read_text()
        key.write_text(OTHER_KEY)
        with mock.patch.dict("os.environ", {"HANDRAIL_SECRET": text}):
            assert begun("status").code == 0
        with mock.patch.dict("os.environ", {"HANDRAIL_SECRET": OTHER_KEY}):
            key.write_text(text)
            assert "not the one" in begun("status").refusal

    def test_a_workspace_of_an_earlier_handrail_gets_its_check_at_the_next_init(self, tmp_workspace: Workspace) -> None:
        store = Store(tmp_workspace.database_url)
        with store.read() as connection:
            assert not keying.is_bound(connection)
            keying.require(connection, b"whatever it was")
        assert keying.bind(store, tmp_workspace.secret(), actor="stella", now=NOW)
        assert not keying.bind(store, tmp_workspace.secret(), actor="stella", now=NOW)
        with pytest.raises(WrongKey):
            keying.bind(store, b"another" * 8, actor="stella", now=NOW)
        store.dispose()

    def test_the_first_binding_counts_and_a_second_one_is_told(self, begun: Handrail) -> None:
        workspace = Workspace(begun.home)
        store = Store(workspace.database_url)
        with store.write() as connection:
            forged = Event(keying.BOUND, data={"check": keying.check_value(OTHER_KEY.encode())})
            number = trail.append(connection, [forged], at=store.clock(), actor="stella")
        store.dispose()
        assert begun("status").code == 0, "who holds the right key is not locked out"
        doctor = begun("doctor")
        assert doctor.code == 1
        assert f"BAD  key: Event {number} of the trail binds" in doctor.out
        assert f"Event {number} of the trail binds" in begun("trail", "verify").err
        workspace.secret_file.write_text(OTHER_KEY)
        for words in (("status",), ("init",), ("trail", "verify")):
            assert "not the one" in begun(*words).refusal

    def test_the_first_binding_counts_whatever_the_column_beside_it_says(self, begun: Handrail) -> None:
        workspace = Workspace(begun.home)
        store = Store(workspace.database_url)
        with store.write() as connection:
            connection.exec_driver_sql("DROP TRIGGER trail_refuses_update")
            connection.exec_driver_sql("UPDATE trail SET kind = 'test.event' WHERE kind = 'key.bound'")
            forged = Event(keying.BOUND, data={"check": keying.check_value(OTHER_KEY.encode())})
            trail.append(connection, [forged], at=store.clock(), actor="stella")
        store.dispose()
        workspace.secret_file.write_text(OTHER_KEY)
        assert "not the one" in begun("status").refusal

    @pytest.mark.parametrize(
        "words", [("status",), ("doctor",), ("init",), ("desk", "--port", "0")], ids=lambda w: w[0]
    )
    @pytest.mark.parametrize("content", [b"\xff\xfe" * 40, None], ids=["no text", "a folder"])
    def test_a_key_that_cannot_be_read_is_one_sentence_with_the_remedy(
        self, begun: Handrail, words: tuple[str, ...], content: bytes | None
    ) -> None:
        key = Workspace(begun.home).secret_file
        key.unlink()
        key.mkdir() if content is None else key.write_bytes(content)
        answer = begun(*words)
        told = answer.out if words == ("doctor",) else answer.refusal
        assert "Traceback" not in answer.out + answer.err
        assert str(key) in told
        assert "or set HANDRAIL_SECRET to what it held" in told

    def test_init_binds_and_the_trail_tells_nothing_of_the_key(self, begun: Handrail) -> None:
        (event,) = begun.ask("trail", "search", "--kind", keying.BOUND)
        key = Workspace(begun.home).secret_file.read_text().strip()
        assert len(event["check"]) == 64
        assert event["check"] != key
        assert begun.ask("trail", "verify")["valid"]


class TestThePlace:
    def test_a_copy_trains_into_itself_and_leaves_the_original_alone(self, trained: Handrail, tmp_path: Path) -> None:
        original = Path(shutil.copytree(trained.home, tmp_path / "original"))
        tracking.follow(Workspace(original))
        copy = Handrail(Path(shutil.copytree(original, tmp_path / "copy")))
        before = every_file(original)
        version = copy.ask("train", "--as-of", TRAINED_AT)["version"]
        assert version == "2"
        assert every_file(original) == before
        assert len(list((copy.home / "mlruns").rglob(artifact.ESTIMATOR_FILE))) == 2
        assert str(original) not in places(copy.home)

    def test_a_moved_workspace_predicts_and_rolls_back_without_its_local_copies(
        self, trained: Handrail, business: SampleBusiness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        allowing = tmp_path / "policy.yaml"
        allowing.write_text(POLICY.read_text().replace("without_evidence: refuse", "without_evidence: allow"))
        trained.ask("policy", "publish", allowing)
        trained.ask("train", "--as-of", TRAINED_AT)
        trained.ask("model", "promote", "2", "--reason", "for a test", "--as-of", TRAINED_AT)
        moved = Handrail(trained.home.rename(tmp_path / "elsewhere"))
        forget(moved, monkeypatch)
        files = deliver(business.cases.head(20), tmp_path / "cases.csv")
        assert len(moved.ask("predict", files, "--text", "text")["predictions"]) == 20
        forget(moved, monkeypatch)
        assert moved.ask("model", "rollback", "--reason", "for a test", "--as-of", TRAINED_AT)
        assert str(trained.home) not in places(moved.home)

    def test_the_doctor_says_that_it_was_moved_and_all_is_well(self, trained: Handrail, tmp_path: Path) -> None:
        tracking.follow(Workspace(trained.home))
        moved = Handrail(trained.home.rename(tmp_path / "elsewhere"))
        text = moved("doctor").out
        assert f"ok   place: moved from {(trained.home / 'mlruns').as_uri()}" in text
        assert "place:" not in moved("doctor").out

    def test_init_says_it_too(self, trained: Handrail, tmp_path: Path) -> None:
        moved = Handrail(trained.home.rename(tmp_path / "elsewhere"))
        answer = moved("init")
        assert answer.code == 0
        assert "its models are looked for here" in answer.out
        assert answer.err == ""

    def test_a_registered_version_is_found_in_the_copy(self, trained: Handrail, tmp_path: Path) -> None:
        copy = Workspace(Path(shutil.copytree(trained.home, tmp_path / "copy")))
        shutil.rmtree(trained.home)
        assert tracking.download(copy, model_name("sample"), "1").is_relative_to(copy.home)

    def test_the_server_of_the_folder_it_was_copied_from_is_not_its_own(self, tmp_path: Path) -> None:
        original, copy = Workspace(tmp_path / "original"), Workspace(tmp_path / "copy")
        for one in (original, copy):
            one.home.mkdir()
            known = {"home": str(original.home), "prefect_api": "http://127.0.0.1:1/api", "desk": "http://x", "pid": 1}
            one.server_file.write_text(json.dumps(known))
        assert original.served()["desk"] == "http://x"
        assert copy.served() == {}
        assert running_server(copy.server_file) is None


def forget(handrail: Handrail, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave only the registry: neither the folder's own copies of models nor what this process has read."""
    shutil.rmtree(handrail.home / "models", ignore_errors=True)
    monkeypatch.setattr(copies, "loaded", artifact.Loaded())


def places(home: Path) -> str:
    """Every address of the registry."""
    with closing(sqlite3.connect(home / "mlflow.db")) as connection:
        return json.dumps([connection.execute(f"SELECT {c} FROM {t}").fetchall() for t, c in tracking._PLACES])  # noqa: S608
