"""The stock way to send the same request: Python's requests, with one session for all or a new one for each.

line_peer.py kept|new URL FOLDER: sends FOLDER/body for each line `go` that comes in, and answers in milliseconds.
"""
import sys
import time

import requests

way, url, folder = sys.argv[1:]
with open(f"{folder}/body", "rb") as file:
    body = file.read()
with open(f"{folder}/key") as file:
    headers = {"tiliter-api-key": file.read().strip(), "content-type": "application/json"}


def session():
    made = requests.Session()
    # the environment would otherwise decide on the way and on whom to trust
    made.trust_env = False
    made.verify = f"{folder}/ca.pem"
    return made


kept = session()
for line in sys.stdin:
    if line.strip() != "go":
        continue
    began = time.perf_counter()
    try:
        one = session() if way == "new" else kept
        answer = one.post(url + "recognition/", data=body, headers=headers)
        answer.raise_for_status()
        print(f"{(time.perf_counter() - began) * 1000:.3f}", flush=True)
        if way == "new":
            one.close()
    except requests.RequestException as error:
        print(f"failed {error}".replace("\n", " "), flush=True)
