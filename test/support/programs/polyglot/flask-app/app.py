from flask import Flask

app = Flask(__name__)


@app.get("/flask-app")
def hello():
    return {"language": "python"}
