"""Flask on werkzeug's own server: answers with what it was asked, and says so on its output."""

import sys

from flask import Flask, request

app = Flask(__name__)
methods = ["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE"]


@app.route("/", defaults={"path": ""}, methods=methods, provide_automatic_options=False)
@app.route("/<path:path>", methods=methods, provide_automatic_options=False)
def serve(path):
    print(f"seen {request.method} /{path} {len(request.get_data())}", flush=True)
    return f"{request.method} /{path}"


app.run(host="127.0.0.1", port=int(sys.argv[1]), threaded=True)
