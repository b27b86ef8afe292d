"""The users service: who our customers are. A plain Flask program; it would run the same anywhere."""

import os
import socket
from urllib.parse import unquote

from flask import Flask, jsonify, request
from werkzeug.exceptions import HTTPException

app = Flask(__name__)

USERS = {
    1: {"name": "Alice"},
    2: {"name": "Bob"},
}


def identity():
    """Names this process by OpenTelemetry's standard variable, which any platform may set, else by host and pid."""
    attributes = {}
    for pair in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","):
        key, _, value = pair.partition("=")
        attributes[key.strip()] = unquote(value.strip())
    instance = attributes.get("service.instance.id") or f"{socket.gethostname()}:{os.getpid()}"
    return instance, attributes.get("service.version", "")


INSTANCE, VERSION = identity()


@app.get("/users/<int:user_id>")
def user(user_id):
    found = USERS.get(user_id)
    if found is None:
        return jsonify(error="User not found"), 404
    return jsonify(found)


@app.get("/healthz")
def healthz():
    return jsonify(status="ok")


@app.errorhandler(HTTPException)
def as_json(error):
    """An id that is no number is also a user that does not exist; every other refusal is JSON as well."""
    is_user = error.code == 404 and request.path.startswith("/users/")
    response = jsonify(error="User not found" if is_user else error.name)
    response.status_code = error.code
    allow = error.get_response().headers.get("Allow")
    if allow:
        response.headers["Allow"] = allow
    return response


@app.after_request
def say_who(response):
    response.headers["X-Served-By"] = INSTANCE
    if VERSION:
        response.headers["X-Served-Version"] = VERSION
    return response


if __name__ == "__main__":
    app.run(host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "5001")))
