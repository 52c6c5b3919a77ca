# Installs banjian on Windows 10 or newer (x64) for the current user: no administrator rights, no internet.
#   install.cmd [-Port 8710] [-Data DIR] [-NoAutostart]
# Run again with a newer bundle to upgrade: the ledger stays where it is, a downgrade is refused.
# 在 Windows 10 以上（64 位）为当前用户安装办件：不要管理员权限，不要互联网。用新的安装包再运行一次就是升级：台账不动，不允许降级。
param([int]$Port = 8710, [string]$Data = "$env:USERPROFILE\banjian-ledger", [switch]$NoAutostart)
$ErrorActionPreference = 'Stop'
$here = Split-Path -Parent $MyInvocation.MyCommand.Path
$version = (Get-Content "$here\VERSION").Trim()
$base = "$env:LOCALAPPDATA\Banjian"
$app = "$base\app-$version"

function Fail($zh, $en) { Write-Host "X $zh" -ForegroundColor Red; Write-Host "X $en"; exit 1 }

foreach ($line in Get-Content "$here\SHA256SUMS") {
  $sum, $name = $line -split '  ', 2
  $path = Join-Path $here ($name -replace '/', '\')
  if (-not (Test-Path $path) -or (Get-FileHash $path -Algorithm SHA256).Hash -ne $sum) {
    Fail "安装包不完整或被改动（$name），请重新拷贝；杀毒软件可能隔离了文件。没有安装任何东西。" "The bundle is damaged or was altered ($name); copy it again. An antivirus may have taken a file away. Nothing was installed."
  }
}

$python = $null
foreach ($short in '3.13', '3.12', '3.11') {
  $candidates = @("$env:LOCALAPPDATA\Programs\Python\Python$($short -replace '\.', '')\python.exe", "$env:ProgramFiles\Python$($short -replace '\.', '')\python.exe")
  if (Get-Command py -ErrorAction SilentlyContinue) {
    $found = & py "-$short" -c "import sys; print(sys.executable)" 2>$null
    if ($LASTEXITCODE -eq 0) { $candidates = @($found) + $candidates }
  }
  foreach ($one in $candidates) {
    if ($one -and (Test-Path $one) -and (Test-Path "$here\requirements-$short.txt")) {
      & $one -c "import struct, sys; sys.exit(struct.calcsize('P') != 8)"
      if ($LASTEXITCODE -eq 0) { $python = $one; $chosen = $short; break }
    }
  }
  if ($python) { break }
}
if (-not $python) {
  Fail "没有找到 64 位 Python 3.11 至 3.13。请带来 python.org 的官方安装程序（例如 python-3.12.10-amd64.exe），双击、选 Install Now（仅为当前用户，不要管理员权限），再运行一次。" "64-bit Python 3.11 to 3.13 was not found. Bring the official installer from python.org (for example python-3.12.10-amd64.exe), run it with Install Now (for this user, no administrator rights), then run this again."
}

$marker = "$base\current.txt"
if (Test-Path $marker) {
  $old = (Get-Content $marker).Trim()
  & $python -c "import re, sys; key = lambda t: [int(p) for p in re.findall(r'\d+', t)[:3]]; sys.exit(key(sys.argv[2]) < key(sys.argv[1]))" $old $version
  if ($LASTEXITCODE -ne 0) { Fail "已装的版本 $old 更新，不允许降级。" "Version $old is installed and newer; a downgrade is refused." }
}

Get-CimInstance Win32_Process -Filter "Name = 'pythonw.exe'" | Where-Object { $_.CommandLine -like '*stations*serve*' } | ForEach-Object { Stop-Process -Id $_.ProcessId }
New-Item -ItemType Directory -Force $base | Out-Null
if (Test-Path $app) { Remove-Item -Recurse -Force $app }
& $python -m venv $app
& "$app\Scripts\python.exe" -m pip install --quiet --disable-pip-version-check --no-index --find-links "$here\wheels" --no-deps --require-hashes --requirement "$here\requirements-$chosen.txt"
if ($LASTEXITCODE -ne 0) { Fail "安装没有完成。" "The installation did not complete." }
$wheel = (Get-ChildItem "$here\wheels\banjian-*.whl" | Select-Object -First 1).FullName
& "$app\Scripts\python.exe" -m pip install --quiet --disable-pip-version-check --no-index --no-deps $wheel
if ($LASTEXITCODE -ne 0) { Fail "安装没有完成。" "The installation did not complete." }
& "$app\Scripts\banjian.exe" --version | Out-Null
if ($LASTEXITCODE -ne 0) { Fail "程序不能启动；杀毒软件可能隔离了文件，请把 $base 加入信任后再装。" "The program does not start; an antivirus may have taken files away: trust $base, then install again." }
Set-Content $marker $version

# The shortcut in the folder Startup starts it after each sign-in; pythonw shows no window.
$arguments = "-m stations serve `"$Data`" --port $Port"
$shell = New-Object -ComObject WScript.Shell
$links = @("$([Environment]::GetFolderPath('Desktop'))\办件.url")
Set-Content $links[0] "[InternetShortcut]`r`nURL=http://127.0.0.1:$Port/"
if (-not $NoAutostart) {
  $link = $shell.CreateShortcut("$([Environment]::GetFolderPath('Startup'))\banjian.lnk")
  $link.TargetPath = "$app\Scripts\pythonw.exe"
  $link.Arguments = $arguments
  $link.WorkingDirectory = $base
  $link.Save()
}
Start-Process "$app\Scripts\pythonw.exe" -ArgumentList $arguments -WorkingDirectory $base
Write-Host "√ 办件 $version 已装好。桌面上的「办件」打开 http://127.0.0.1:$Port/" -ForegroundColor Green
Write-Host "banjian $version is installed; the icon on the desktop opens http://127.0.0.1:$Port/"
