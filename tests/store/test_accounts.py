"""Users, keys, members and owners in a store."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from wbexport.store import accounts
from wbexport.store.accounts import ApiKey, Entity, Member, ProjectMember, User
from wbexport.store.documents import Document, write_document
from wbexport.store.logged import ensure_project
from wbexport.store.owners import find_places

if TYPE_CHECKING:
    from wbexport.store.database import Store

NOW = datetime(2026, 1, 2)


def test_people_come_back_as_they_were_written(store: Store) -> None:
    ada = User("u1", "ada", "Ada", "Ada@example.org", is_admin=True, created_at=NOW)
    key = ApiKey("k1", "ada", "key-1", "ff" * 32, "for tests", NOW)
    lab = Entity("e1", "lab", "team", "local", NOW)
    with store.transaction() as cur:
        accounts.insert_user(cur, ada)
        accounts.insert_api_key(cur, key)
        accounts.insert_entity(cur, lab)
    cur = store.cursor()
    assert accounts.read_users(cur) == [ada]
    assert accounts.find_user(cur, email="ADA@example.org") == ada
    assert accounts.find_user(cur, username="eve") is None
    assert accounts.find_key_owner(cur, "ff" * 32) == "ada"
    assert accounts.find_key_owner(cur, "00" * 32) is None
    assert (accounts.read_api_keys(cur, "ada"), accounts.find_api_key(cur, "k1")) == ([key], key)
    assert (accounts.find_entity(cur, "lab"), accounts.read_entities(cur)) == (lab, [lab])
    with store.transaction() as cur:
        accounts.delete_api_key(cur, "k1")
    assert accounts.read_api_keys(store.cursor(), "ada") == []


def test_an_invitation_becomes_a_membership_once(store: Store) -> None:
    invited = Member("m1", "lab", None, "ada@example.org", "admin", True, NOW)
    other = Member("m2", "lab", None, "eve@example.org", "member", True, NOW)
    with store.transaction() as cur:
        accounts.insert_member(cur, invited)
        accounts.insert_member(cur, other)
        assert accounts.read_teams(cur, "ada") == []
        accounts.accept_invitations(cur, "ADA@example.org", "ada")
        assert accounts.read_teams(cur, "ada") == ["lab"]
        joined = Member("m1", "lab", "ada", "ada@example.org", "admin", False, NOW)
        assert accounts.read_members(cur, "lab") == [joined, other]
        assert accounts.find_member(cur, "lab", username="ada") == joined
        accounts.delete_member(cur, "m1")
        assert accounts.read_members(cur, "lab") == [other]


def test_a_member_of_a_registry_has_one_role(store: Store) -> None:
    with store.transaction() as cur:
        for role in ("viewer", "admin"):
            accounts.write_project_member(cur, ProjectMember(1, "user", "ada", role))
        accounts.write_project_member(cur, ProjectMember(1, "team", "ada", "member"))
        assert accounts.read_project_members(cur, 1) == [
            ProjectMember(1, "user", "ada", "admin"),
            ProjectMember(1, "team", "ada", "member"),
        ]
        accounts.delete_project_member(cur, 1, "user", "ada")
        assert [each.kind for each in accounts.read_project_members(cur, 1)] == ["team"]


def test_a_document_is_where_its_scope_is(store: Store) -> None:
    with store.transaction() as cur:
        ensure_project(cur, "lab", "p", now=NOW)
        ((project_id,),) = cur.execute("select storage_id from stored.projects").fetchall()
        write_document(cur, Document("queue", "q1", project_id, {}, NOW, NOW))
        write_document(cur, Document("item", "i1", "q1", {}, NOW, NOW))
        write_document(cur, Document("chart", "c1", "lab", {}, NOW, NOW))
        assert find_places(cur, project_id) == find_places(cur, "i1") == [("lab", "p")]
        assert find_places(cur, "c1") == [("lab", None)]
        assert find_places(cur, "unknown") == []
