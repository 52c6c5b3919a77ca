#!/bin/sh
# Installs banjian on a Linux machine without internet: ./install.sh [--port 8710] [--data DIR] [--no-service | --service] [--user]
# As an ordinary user (or with --user) into the home folder, as root for the whole machine. Run again with a newer bundle to upgrade:
# what was chosen the first time holds until something else is named, the ledger stays where it is, the older program stays beside
# the new one, a downgrade is refused.
# 在没有互联网的 Linux 机器上安装办件：普通用户装到自己的目录，root 装给整台机器。用新的安装包再运行一次就是升级：第一次选的
# 文件夹和端口照旧，台账不动，旧程序留在旁边，不允许降级。
set -eu
export PYTHONUTF8=1 # texts and names of folders are UTF-8, whatever the locale says
here=$(cd "$(dirname "$0")" && pwd)
version=$(cat "$here/VERSION")
whole=no given=""
[ "$(id -u)" != 0 ] || whole=yes

say() { printf '%s\n%s\n' "$1" "$2" >&2; }
fail() { say "✗ $1" "✗ $2"; exit 1; }

while [ $# -gt 0 ]; do
  case $1 in
    --port | --data)
      [ $# -ge 2 ] || fail "$1 后面要写出值，例如 --port 8710、--data /srv/banjian-ledger。没有安装任何东西。" \
        "$1 needs a value, for example --port 8710 or --data /srv/banjian-ledger. Nothing was installed."
      case $1 in --port) port=$2 given="$given port" ;; *) data=$2 given="$given data" ;; esac
      shift 2 ;;
    --service) service=yes given="$given service"; shift ;;
    --no-service) service=no given="$given service"; shift ;;
    --user) whole=no; shift ;;
    *) fail "不认识的选项：$1。没有安装任何东西。" "Unknown option: $1. Nothing was installed." ;;
  esac
done

if [ $whole = yes ]; then
  base=/opt/banjian usual=/var/lib/banjian/ledger unit=/etc/systemd/system/banjian.service scope=--system
else
  base=${XDG_DATA_HOME:-$HOME/.local/share}/banjian usual=$HOME/banjian-ledger
  unit=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user/banjian.service scope=--user
fi

(cd "$here" && sha256sum --check --quiet SHA256SUMS) ||
  fail "安装包不完整或被改动，请重新拷贝。没有安装任何东西。" "The bundle is damaged or was altered; copy it again. Nothing was installed."

python=""
for name in python3.13 python3.12 python3.11 python3; do
  if found=$(command -v "$name") && "$found" - <<'PY' >/dev/null 2>&1
import ensurepip, struct, sys, venv
sys.exit(not ((3, 11) <= sys.version_info[:2] <= (3, 13) and struct.calcsize("P") == 8))
PY
  then python=$found; break; fi
done
[ -n "$python" ] || fail \
  "需要 64 位 Python 3.11 至 3.13（含 venv）。请从发行版光盘或镜像安装 python3 和 python3-venv，再运行一次。" \
  "64-bit Python 3.11 to 3.13 with venv is needed: install python3 and python3-venv from the distribution's disc or mirror, then run this again."
short=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ -f "$here/requirements-$short.txt" ] || fail "安装包不含 Python $short 的部分。" "The bundle holds nothing for Python $short."

# What was chosen is kept beside the program: an upgrade without --data must not open another, empty ledger.
kept=$base/settings.json
set -- settle --kept "$kept" --usual-data "$usual"
for name in $given; do
  case $name in
    port) set -- "$@" "--port=$port" ;;
    data) set -- "$@" "--data=$data" ;;
    service) set -- "$@" "--service=$service" ;;
  esac
done
chosen=$(BANJIAN_WAS=$(sed -n 's/^ExecStart=//p' "$unit" 2>/dev/null || true) "$python" "$here/choices.py" "$@") || exit 1
one() { printf '%s' "$chosen" | "$python" "$here/choices.py" show "$1"; }
data=$(one data) port=$(one port) service=$(one service)

app=$base/app-$version
rm -rf "$app.new" && mkdir -p "$base"
refuse_older() {
  rm -rf "$app.new"
  fail "已装的版本 $old 更新，不允许降级到 $version（旧程序可能读不懂新台账）。" \
    "Version $old is installed and newer; a downgrade to $version is refused, since an older program may not understand the ledger."
}
upgrade=no
if [ -e "$base/current/VERSION" ]; then
  upgrade=yes old=$(cat "$base/current/VERSION")
  # The installed program can say so at once; one that is damaged says nothing, and the new one is asked below.
  if "$base/current/bin/python" "$here/choices.py" older "$version" "$old" 2>/dev/null; then refuse_older; fi
fi
"$python" -m venv "$app.new"
if [ $upgrade = yes ]; then
  if "$app.new/bin/python" "$here/choices.py" older "$version" "$old"; then refuse_older
  elif [ $? != 1 ]; then rm -rf "$app.new"; exit 1; fi
fi
PIP_FIND_LINKS="$here/wheels" "$app.new/bin/python" -m pip install --quiet --disable-pip-version-check --no-index \
  --no-deps --require-hashes --requirement "$here/requirements-$short.txt"
printf '%s\n' "$version" >"$app.new/VERSION"
# An environment knows its own place: it is made again where it belongs once it is known to be complete.
"$app.new/bin/banjian" --version >/dev/null
if [ "$service" = yes ] && command -v systemctl >/dev/null 2>&1; then systemctl $scope stop banjian 2>/dev/null || true; fi
rm -rf "$app" && mv "$app.new" "$app"
# Where the path is long the second line of a script names the interpreter.
find "$app/bin" -type f -exec sed -i "1,2s|$app.new|$app|" {} +
sed -i "s|$app.new|$app|" "$app/pyvenv.cfg"
ln -sfn "$app" "$base/current.new" && mv -T "$base/current.new" "$base/current"
"$base/current/bin/banjian" --version >/dev/null
printf '%s\n' "$chosen" >"$kept.new"
mv "$kept.new" "$kept"

if [ "$service" = yes ] && command -v systemctl >/dev/null 2>&1; then
  mkdir -p "$(dirname "$unit")"
  user=""
  if [ $whole = yes ]; then
    id banjian >/dev/null 2>&1 || useradd --system --home-dir /var/lib/banjian --create-home --shell /usr/sbin/nologin banjian
    user="User=banjian"
    # A ledger is made beside its place and moved there whole. Only a folder made here is given to the service: one that
    # was there may be everybody's.
    around=$(dirname "$data")
    if [ ! -e "$around" ]; then mkdir -p "$around"; chown banjian "$around"; chmod 700 "$around"; fi
    [ "$(stat -c %U "$around")" = banjian ] || say \
      "→ 用户 banjian 要能写 $around；不能时请改用它自己的文件夹，例如 --data /srv/banjian/ledger" \
      "→ The user banjian must be able to write in $around; else choose a folder of its own, such as --data /srv/banjian/ledger"
    wanted=multi-user.target
  else wanted=default.target; fi
  printf '%s' "$chosen" | "$python" "$here/choices.py" unit --template "$here/banjian.service" \
    --program "$base/current/bin/banjian" --user "$user" --wanted "$wanted" >"$unit.new"
  mv "$unit.new" "$unit"
  systemctl $scope daemon-reload && systemctl $scope enable --now banjian ||
    say "没有 systemd 会话，服务要手工启动。" "There is no systemd session: start the service by hand."
  if [ $whole = no ]; then loginctl enable-linger "$(id -un)" 2>/dev/null || say \
    "开机自启需要管理员运行一次：loginctl enable-linger $(id -un)" \
    "To start after a reboot an administrator runs once: loginctl enable-linger $(id -un)"; fi
fi
say "✓ 办件 $version 已装好：$base/current/bin/banjian" "✓ banjian $version is installed."
say "→ 台账在 $data" "→ The ledger lies in $data"
say "→ 浏览器打开 http://127.0.0.1:$port/ ；手工启动：$base/current/bin/banjian serve \"$data\" --port $port" \
  "→ Open http://127.0.0.1:$port/ in a browser; by hand: $base/current/bin/banjian serve \"$data\" --port $port"
