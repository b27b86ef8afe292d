from fastapi import FastAPI

app = FastAPI()


@app.get("/fast-app")
def hello():
    return {"language": "python"}
