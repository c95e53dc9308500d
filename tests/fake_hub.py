"""The Hub in a thread: users, repositories, commits, large files, as huggingface_hub asks for them."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

import yaml
from huggingface_hub import ModelCardData

from local_server import LocalServer

TOKEN = "hf_" + "m" * 34  # of the user "me"
OTHER_TOKEN = "hf_" + "o" * 34  # of the user "other"
_LARGE = (".safetensors", ".parquet", ".png")
_REPO = r"(?P<kind>models|datasets)/(?P<name>[\w.-]+/[\w.-]+)"
_FILES = r"(?P<kind>datasets/)?(?P<name>[\w.-]+/[\w.-]+)"


@dataclass
class Repository:
    """What one holds now, by path, and the sha of each commit."""

    private: bool = False
    files: dict[str, bytes] = field(default_factory=lambda: {".gitattributes": b"*.safetensors filter=lfs\n"})
    commits: list[str] = field(default_factory=lambda: [_sha1(b"first")])


class FakeHub(LocalServer):
    """Repositories by (kind, name), large files by hash, and the requests that came: (method, path)."""

    name = "hub"

    def __init__(self):
        self.handler = _Handler
        self.users = {TOKEN: "me", OTHER_TOKEN: "other"}
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.large: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.failing: dict[str, int] = {}  # part of a path -> status to answer in place of doing it

    def environment(self, home, token: str | None = TOKEN) -> dict[str, str]:
        """What a process needs to take this for the Hub, with caches of its own below ``home``."""
        return {"HF_ENDPOINT": self.endpoint, "HF_HOME": str(home), "HF_HUB_DISABLE_XET": "1"} | (
            {"HF_TOKEN": token} if token else {}
        )

    def add(self, name: str, *, kind: str = "models", private: bool = False, **files: bytes) -> Repository:
        """Add a repository that holds these files besides .gitattributes; "__" in a key stands for "."."""
        repository = self.repositories[kind, name] = Repository(private)
        repository.files |= {key.replace("__", "."): content for key, content in files.items()}
        return repository

    def model(self, name: str) -> dict[str, bytes]:
        return self.repositories["models", name].files

    def dataset(self, name: str) -> dict[str, bytes]:
        return self.repositories["datasets", name].files


class _RefusedError(Exception):
    def __init__(self, status: int, message: str, code: str | None = None):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def answer(self):
        self.path_only = unquote(urlsplit(self.path).path)
        self.hub.requests.append((self.command, self.path_only))
        self.body = self.read_body()
        try:
            for part, status in self.hub.failing.items():
                if part in self.path_only:
                    raise _RefusedError(status, "as the test wishes")
            for methods, pattern, action in _ROUTES:
                match = re.fullmatch(pattern, self.path_only)
                if match and self.command in methods:
                    return action(self, **match.groupdict())
            raise _RefusedError(404, f"no route for {self.command} {self.path_only}")
        except _RefusedError as refused:
            code = {"X-Error-Code": refused.code} if refused.code else {}
            headers = {"X-Error-Message": refused.message, **code}
            self.send(json.dumps({"error": refused.message}).encode(), refused.status, **headers)

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server calls

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().strip() or b"0", 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def send(self, content: bytes, status: int = 200, **headers: str):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def send_json(self, content):
        self.send(json.dumps(content).encode())

    def user(self) -> str | None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in self.hub.users:
            raise _RefusedError(401, "Invalid credentials in Authorization header")
        return self.hub.users.get(token)

    def repository(self, kind: str, name: str, *, to_write: bool = False) -> Repository:
        found = self.hub.repositories.get((kind, name))
        owner = name.partition("/")[0]
        if found is None or (found.private and self.user() != owner):
            raise _RefusedError(404 if self.user() else 401, "Repository not found", "RepoNotFound")
        if to_write and self.user() != owner:
            raise _RefusedError(403, f"You need write access to {name}")
        return found

    def whoami(self):
        if self.user() is None:
            raise _RefusedError(401, "Invalid username or password.")
        self.send_json({"name": self.user(), "type": "user", "orgs": []})

    def create(self):
        asked = json.loads(self.body)
        owner = asked["organization"] or self.user()
        name, kind = f"{owner}/{asked['name']}", f"{asked.get('type') or 'model'}s"
        place = f"{self.hub.endpoint}/{'datasets/' if kind == 'datasets' else ''}{name}"
        if owner != self.user():
            raise _RefusedError(
                403, f"You don't have the rights to create a model under the namespace {owner}"
            )
        if (kind, name) in self.hub.repositories:
            return self.send(json.dumps({"url": place}).encode(), 409)
        self.hub.add(name, kind=kind, private=asked.get("visibility") == "private")
        return self.send_json({"url": place})

    def validate(self):
        asked = json.loads(self.body)
        try:
            header = yaml.safe_load(asked["content"].split("---\n")[1])
            if asked["repoType"] == "model":
                ModelCardData(ignore_metadata_errors=False, **header)  # ValueError on a wrong model-index
        except (IndexError, TypeError, ValueError, yaml.YAMLError) as error:
            return self.send(json.dumps({"errors": [{"message": str(error)}]}).encode(), 400)
        return self.send_json({"errors": [], "warnings": []})

    def preupload(self, kind, name):
        self.repository(kind, name, to_write=True)
        modes = [
            {"path": path, "uploadMode": "lfs" if path.endswith(_LARGE) else "regular", "shouldIgnore": False}
            for path in (each["path"] for each in json.loads(self.body)["files"])
        ]
        self.send_json({"files": modes})

    def batch(self, kind, name):
        self.repository("datasets" if kind else "models", name, to_write=True)
        objects = [
            {"oid": each["oid"], "size": each["size"]}
            | (
                {}
                if each["oid"] in self.hub.large
                else {"actions": {"upload": {"href": self.place_of(each)}}}
            )
            for each in json.loads(self.body)["objects"]
        ]
        self.send_json({"transfer": "basic", "objects": objects})

    def place_of(self, large) -> str:
        return f"{self.hub.endpoint}/large/{large['oid']}"

    def store(self, oid):
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise _RefusedError(400, "content and hash differ")
        self.hub.large[oid] = self.body
        self.send(b"")

    def commit(self, kind, name):
        repository = self.repository(kind, name, to_write=True)
        lines = [json.loads(line) for line in self.body.splitlines()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit", repository.commits[-1]) != repository.commits[-1]:
            raise _RefusedError(412, "A commit has happened since. Please refresh and try again.")
        files = dict(repository.files)
        for key, value in ((line["key"], line["value"]) for line in lines):
            if key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = self.hub.large[value["oid"]]
            elif key == "deletedFile":
                del files[value["path"]]
        repository.files = files
        repository.commits.append(_sha1(self.body))
        oid = repository.commits[-1]
        self.send_json({"commitUrl": f"{self.hub.endpoint}/{name}/commit/{oid}", "commitOid": oid})

    def info(self, kind, name, revision=None):
        repository = self.repository(kind, name)
        self.check_revision(repository, revision)
        siblings = [{"rfilename": path} for path in repository.files]
        about = {"id": name, "sha": repository.commits[-1], "private": repository.private, "tags": []}
        self.send_json(about | {"siblings": siblings, "downloads": 0, "likes": 0})

    def tree(self, kind, name, revision, path=None):
        repository = self.repository(kind, name)
        self.check_revision(repository, revision)
        below = {each: content for each, content in repository.files.items() if each.startswith(path or "")}
        if path and not below:
            raise _RefusedError(404, f"{path} does not exist", "EntryNotFound")
        self.send_json(
            [
                {"type": "file", "path": each, "size": len(content), "oid": _sha1(content)}
                for each, content in below.items()
            ]
        )

    def resolve(self, kind, name, revision, path):
        repository = self.repository("datasets" if kind else "models", name)
        self.check_revision(repository, revision)
        headers = {"X-Repo-Commit": repository.commits[-1]}
        if path not in repository.files:
            raise _RefusedError(404, "Entry not found", "EntryNotFound")
        content = repository.files[path]
        self.send(content, ETag=f'"{_sha1(content)}"', **headers)

    def check_revision(self, repository: Repository, revision: str | None):
        if revision not in (None, "main", repository.commits[-1]):
            raise _RefusedError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def log_message(self, *_):
        pass


def _sha1(content: bytes) -> str:
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


_ROUTES = (
    ("GET", r"/api/whoami-v2", _Handler.whoami),
    ("POST", r"/api/repos/create", _Handler.create),
    ("POST", r"/api/validate-yaml", _Handler.validate),
    ("POST", rf"/api/{_REPO}/preupload/main", _Handler.preupload),
    ("POST", rf"/{_FILES}\.git/info/lfs/objects/batch", _Handler.batch),
    ("PUT", r"/large/(?P<oid>\w+)", _Handler.store),
    ("POST", rf"/api/{_REPO}/commit/main", _Handler.commit),
    ("GET", rf"/api/{_REPO}(/revision/(?P<revision>[\w.-]+))?", _Handler.info),
    ("GET", rf"/api/{_REPO}/tree/(?P<revision>[\w.-]+)(/(?P<path>.+))?", _Handler.tree),
    (("GET", "HEAD"), rf"/{_FILES}/resolve/(?P<revision>[\w.-]+)/(?P<path>.+)", _Handler.resolve),
)
