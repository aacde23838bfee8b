#!/usr/bin/env bash
# The demo: a server with embedded defaults, a real radiograph, real DICOM clients.
# `demo.sh stop` ends the server that an earlier run left.
set -euo pipefail
cd "$(dirname "$0")/.."

home=.demo
pid_file=$home/pid
log=$home/server.log
http=127.0.0.1:${BAIZE_DEMO_HTTP_PORT:-8642}
metrics=127.0.0.1:${BAIZE_DEMO_METRICS_PORT:-9642}
dicom_port=${BAIZE_DEMO_DICOM_PORT:-11112}

stop() {
  if [ -f "$pid_file" ] && kill -0 "$(cat "$pid_file")" 2>/dev/null; then
    kill "$(cat "$pid_file")"
    while kill -0 "$(cat "$pid_file")" 2>/dev/null; do sleep 0.2; done
    echo "the demo server has stopped"
  fi
  rm -f "$pid_file"
}

stop
if [ "${1:-}" = stop ]; then exit 0; fi

mkdir -p "$home"
binary="${CARGO_TARGET_DIR:-target}/debug/baize"
# The radiograph is an adult's, and not every model was validated on adults: in research mode each gives its score, with
# a mark, where otherwise it would refuse.
# The demo's own AE title is the only one that may call.
setsid nohup "$binary" serve --one-time-key \
  --set storage.data_dir="$home/data" --set engine.research_mode=true \
  --set http.bind="$http" --set http.metrics_bind="$metrics" \
  --set dimse.bind="127.0.0.1:$dicom_port" --set 'dimse.allowed_calling_aes=["DEMO"]' \
  >"$home/server.out" 2>"$log" </dev/null &
echo $! >"$pid_file"

echo "waiting for the models to warm up ..."
for _ in $(seq 240); do
  if ! kill -0 "$(cat "$pid_file")" 2>/dev/null; then
    echo "the server ended at once:"; tail -n 20 "$log"; rm -f "$pid_file"; exit 1
  fi
  if python3 -c "import urllib.request as r; r.urlopen('http://$http/health/ready', timeout=2)" 2>/dev/null; then
    ready=yes; break
  fi
  sleep 0.5
done
if [ -z "${ready:-}" ]; then echo "the server is not ready after two minutes:"; tail -n 20 "$log"; exit 1; fi

key=$(sed -n 's/^one-time key: //p' "$home/server.out")
python3 deploy/demo_send.py --server "http://$http" --key "$key" --dicom-port "$dicom_port" --out "$home"

cat <<END

The server stays up:   http://$http        (API: /openapi.json, log: $log)
One-time key:          $key
  curl -H "Authorization: Bearer $key" http://$http/v1/studies
Stop it with:          make demo-stop

Research use only, not a medical device. 仅供科研使用，非医疗器械。
END
