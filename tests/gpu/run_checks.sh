# SPDX-License-Identifier: Apache-2.0
# What the run_all.sh of several folders have in common; build.sh copies it beside them. Sourced with the arguments OUT [suite ...] and `here` set:
# takes OUT from them, finds the driver that programs would get (`real`), and gives run(), whose findings are files of the kind `suffix` (json).
out=${1:?usage: run_all.sh OUT [suite ...]}
shift
mkdir -p "$out"
out=$(cd "$out" && pwd)
python=${PYTHON:-python3}
started=$SECONDS
real=${LITHOS_REAL_CUDA:-$(ldconfig -p | awk '/libcuda\.so\.1 .*x86-64/ {print $NF; exit}')}
[ -e "$real" ] || { echo "no libcuda.so.1 (set LITHOS_REAL_CUDA)"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
map=$out/tpc_map.txt
before=${LD_LIBRARY_PATH:-}

# run NAME SECONDS COMMAND...: stdout is the finding. Every command is a throw-away process under a timeout: a wrong mask hangs a kernel for ever.
run() {
  local name=$1 limit=$2 begin=$SECONDS
  shift 2
  timeout -k 3 "$limit" "$@" >"$out/$name.${suffix:-json}" 2>"$out/$name.err"
  local rc=$?
  [ -s "$out/$name.err" ] || rm -f "$out/$name.err"
  echo "[$((SECONDS - started)) s] $name: rc $rc, $((SECONDS - begin)) s"
  echo "{\"name\": \"$name\", \"rc\": $rc, \"seconds\": $((SECONDS - begin))}" >>"$out/runs.jsonl"
  [ $rc -eq 0 ] || tail -n 3 "$out/$name.err" 2>/dev/null | cut -c1-300
  return $rc
}

# put_shim FOLDER SHIM: the driver's place taken as `lithos run` does it.
put_shim() {
  mkdir -p "$1"
  ln -s "$2" "$1/libcuda.so.1"
  ln -s libcuda.so.1 "$1/libcuda.so"
  ln -s "$real" "$1/liblithos_real_cuda.so.1"
}

suite_map() { timeout -k 3 60 "$here/calibrate" "$real" >"$map" 2>"$out/map.err" && echo "map: $(grep -c '^tpc' "$map") TPCs" || cat "$out/map.err"; }
