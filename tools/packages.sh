# Which system packages the set-up needs, found out by looking for what they bring. Sourced by bash.

# A line per need: set, package, and what shows that it is there (a command, a file or an installed package).
# demo: Python environments, sound conversion, spoken prompts, simulated callers.
# test: the browser with a font for Chinese, the servers of the contract tests, clock faking.
# pjsua2: compiler and libraries.
needs() {
  cat <<'NEEDS'
demo python3          cmd:python3
demo python3-venv     venv
demo ffmpeg           cmd:ffmpeg
demo espeak-ng        cmd:espeak-ng
demo sip-tester       cmd:sipp
demo util-linux       cmd:setsid
test fonts-noto-cjk   pkg
test postgresql       postgres
test redis-server     cmd:redis-server
test faketime         cmd:faketime
pjsua2 build-essential    cmd:g++
pjsua2 make               cmd:make
pjsua2 swig               cmd:swig
pjsua2 python3-dev        header
pjsua2 libssl-dev         pkg
pjsua2 libsrtp2-dev       pkg
pjsua2 libspeexdsp-dev    pkg
pjsua2 libspeex-dev       pkg
pjsua2 libgsm1-dev        pkg
pjsua2 libopus-dev        pkg
pjsua2 libsamplerate0-dev pkg
pjsua2 uuid-dev           pkg
NEEDS
  if [ "$os_id" = ubuntu ]; then
    # Ubuntu's Chromium is a snap, which cannot be driven from here: Playwright brings its own and
    # these are the libraries it wants.
    local library
    for library in libnss3 libnspr4 libatk1.0-0t64 libatk-bridge2.0-0t64 libcups2t64 libdrm2 libgbm1 \
      libasound2t64 libxkbcommon0 libxcomposite1 libxdamage1 libxfixes3 libxrandr2 libpango-1.0-0 \
      libcairo2 libatspi2.0-0t64; do
      echo "test $library pkg"
    done
  else
    echo "test chromium cmd:chromium"
  fi
}

own_python() { # a Python to ask, or a command that says no
  if [ -x .venv/bin/python ]; then echo .venv/bin/python; else find_python 2>/dev/null || echo false; fi
}

is_there() { # PACKAGE CHECK
  case $2 in
    cmd:*) command -v "${2#cmd:}" >/dev/null ;;
    pkg) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
    venv) [ -x .venv/bin/python ] || (find_python) >/dev/null 2>&1 ;;
    # Of whatever major version; not on PATH.
    postgres) compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null ;;
    header) has_headers "$(own_python)" ;;
  esac
}

# missing: print the packages that the wanted sets lack.
missing() {
  local sets=" demo " set package check
  [ "$what" = test ] && sets+="test "
  # A library built earlier needs no compiler.
  if [ "$what" != demo ] && ! "$(own_python)" tools/pjsua2_path >/dev/null 2>&1; then sets+="pjsua2 "; fi
  needs | while read -r set package check; do
    case $sets in *" $set "*) is_there "$package" "$check" || echo "$package" ;; esac
  done
}

become_root() { # print how a command becomes root's, or fail
  if [ "$(id -u)" -eq 0 ]; then
    echo env
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null ||
    { [ -t 0 ] && id -nG | grep -qwE 'sudo|wheel|admin'; }; }; then
    echo sudo
  else
    return 1
  fi
}

install_packages() {
  local packages as_root still
  os_id=$(. /etc/os-release 2>/dev/null && echo "${ID:-unknown}")
  os_name=$(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-an unknown system}")
  packages=$(missing | tr '\n' ' ')
  packages=${packages% }
  [ -z "$packages" ] && return
  case $os_id in
    debian | ubuntu) ;;
    *) fail "this is $os_name; only Debian 12, Debian 13 and Ubuntu 24.04 are known here: install what the Debian packages $packages bring, then run this again" ;;
  esac
  if ! as_root=$(become_root); then
    printf 'setup: these system packages are missing and you may not install them: %s\n' "$packages" >&2
    fail "ask an administrator for: apt-get install --no-install-recommends $packages"
  fi
  say "system packages to install on $os_name: $packages"
  # A question of a package's own would hang an unattended set-up; another apt is waited for.
  run_step "reading the package lists" "$as_root" apt-get update -q \
    -o APT::Update::Error-Mode=any -o DPkg::Lock::Timeout=300
  # shellcheck disable=SC2086 # a list of words
  run_step "installing the system packages" "$as_root" DEBIAN_FRONTEND=noninteractive apt-get install \
    -q -y --no-install-recommends -o DPkg::Lock::Timeout=600 $packages
  hash -r
  still=$(missing | tr '\n' ' ')
  [ -z "$still" ] ||
    fail "still missing after the installation: ${still% }; look for another program of that name on PATH, or for a held package (apt-mark showhold)"
}

# install_browser: on Ubuntu, the browser that the tests drive; Debian's comes as a package.
install_browser() {
  [ "$os_id" = ubuntu ] || return 0
  local wanted
  wanted=$(.venv/bin/playwright --version)
  fresh browser "$wanted" && return
  run_step "downloading Playwright's Chromium" .venv/bin/playwright install chromium
  stamp browser "$wanted"
}
