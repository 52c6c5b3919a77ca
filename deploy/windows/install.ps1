# Installs banjian on Windows 10 or newer (x64) for the current user: no administrator rights, no internet.
#   install.cmd [-Port 8710] [-Data DIR] [-NoAutostart | -Autostart]
# Run again with a newer bundle to upgrade: what was chosen the first time holds until something else is named, the ledger stays
# where it is, a downgrade is refused.
# 在 Windows 10 以上（64 位）为当前用户安装办件：不要管理员权限，不要互联网。用新的安装包再运行一次就是升级：第一次选的文件夹和端口
# 照旧，台账不动，不允许降级。
param([string]$Port, [string]$Data, [switch]$NoAutostart, [switch]$Autostart)
$ErrorActionPreference = 'Stop'
$here = Split-Path -Parent $MyInvocation.MyCommand.Path
$version = (Get-Content "$here\VERSION").Trim()
$base = "$env:LOCALAPPDATA\Banjian"
$kept = "$base\settings.json"
$shortcut = "$([Environment]::GetFolderPath('Startup'))\banjian.lnk"

function Fail($zh, $en) { Write-Host "X $zh" -ForegroundColor Red; Write-Host "X $en"; exit 1 }

# In PowerShell 5.1 the first line that a program writes to a redirected error stream ends a script that stops at errors; what
# tells is the exit code alone.
function Quiet([string]$program, [string[]]$words) {
  $ErrorActionPreference = 'Continue'
  try { & $program @words 2>$null } catch { $global:LASTEXITCODE = 1 }
}
function Loud([string]$program, [string[]]$words) {
  $ErrorActionPreference = 'Continue'
  & $program @words
}

foreach ($line in Get-Content "$here\SHA256SUMS") {
  $sum, $name = $line -split '  ', 2
  $path = Join-Path $here ($name -replace '/', '\')
  if (-not (Test-Path -LiteralPath $path) -or (Get-FileHash -LiteralPath $path -Algorithm SHA256).Hash -ne $sum) {
    Fail "安装包不完整或被改动（$name），请重新拷贝；杀毒软件可能隔离了文件。没有安装任何东西。" "The bundle is damaged or was altered ($name); copy it again. An antivirus may have taken a file away. Nothing was installed."
  }
}

$python = $null
foreach ($short in '3.13', '3.12', '3.11') {
  $candidates = @("$env:LOCALAPPDATA\Programs\Python\Python$($short -replace '\.', '')\python.exe", "$env:ProgramFiles\Python$($short -replace '\.', '')\python.exe")
  if (Get-Command py -ErrorAction SilentlyContinue) {
    $found = Quiet 'py' @("-$short", '-c', 'import sys; print(sys.executable)')
    if ($LASTEXITCODE -eq 0) { $candidates = @($found) + $candidates }
  }
  foreach ($one in $candidates) {
    if ($one -and (Test-Path -LiteralPath $one) -and (Test-Path -LiteralPath "$here\requirements-$short.txt")) {
      Quiet $one @('-c', "import ensurepip, struct, sys, venv; sys.exit(struct.calcsize('P') != 8)")
      if ($LASTEXITCODE -eq 0) { $python = $one; $chosenPython = $short; break }
    }
  }
  if ($python) { break }
}
if (-not $python) {
  Fail "没有找到 64 位 Python 3.11 至 3.13。请带来 python.org 的官方安装程序（例如 python-3.12.10-amd64.exe），双击、选 Install Now（仅为当前用户，不要管理员权限），再运行一次。" "64-bit Python 3.11 to 3.13 was not found. Bring the official installer from python.org (for example python-3.12.10-amd64.exe), run it with Install Now (for this user, no administrator rights), then run this again."
}

# What was chosen is kept beside the program: an upgrade without -Data must not open another, empty ledger.
$shell = New-Object -ComObject WScript.Shell
if (Test-Path -LiteralPath $shortcut) { $env:BANJIAN_WAS = $shell.CreateShortcut($shortcut).Arguments }
# A backslash before the closing quote would be read as part of the word.
$words = @("$here\choices.py", 'settle', '--kept', $kept, '--usual-data', "$env:USERPROFILE\banjian-ledger")
if ($PSBoundParameters.ContainsKey('Port')) { $words += "--port=$Port" }
if ($PSBoundParameters.ContainsKey('Data')) { $words += "--data=$($Data -replace '\\+$', '\.')" }
if ($NoAutostart) { $words += '--service=no' } elseif ($Autostart) { $words += '--service=yes' }
$text = Loud $python $words
if ($LASTEXITCODE -ne 0) { exit 1 }
$chosen = "$text" | ConvertFrom-Json

# The new program is made beside the old one, which runs on until the new one is known to start. An environment knows its own
# place, so a folder is never moved.
$current = $null
$marker = "$base\current.txt"
if (Test-Path -LiteralPath $marker) {
  $lines = @(Get-Content -LiteralPath $marker)
  $old = $lines[0].Trim()
  $current = if ($lines.Count -gt 1) { $lines[1].Trim() } else { "app-$old" }
}
$name = "app-$version"
$number = 1
while (Test-Path -LiteralPath "$base\$name") {
  # What an interrupted installation left is no program; what cannot be removed stays.
  if ($name -ne $current) { Remove-Item -LiteralPath "$base\$name" -Recurse -Force -ErrorAction SilentlyContinue }
  if (Test-Path -LiteralPath "$base\$name") { $number += 1; $name = "app-$version-$number" }
}
$app = "$base\$name"
New-Item -ItemType Directory -Force $base | Out-Null

function Abandon($zh, $en) {
  Remove-Item -LiteralPath $app -Recurse -Force -ErrorAction SilentlyContinue
  Fail "$zh 原来的程序和台账没有动。" "$en The former program and the ledger were not touched."
}

Loud $python @('-m', 'venv', $app)
if ($LASTEXITCODE -ne 0) { Abandon "不能建立程序的文件夹 $app。" "The program's folder $app could not be made." }
if ($current) {
  Loud "$app\Scripts\python.exe" @("$here\choices.py", 'older', $version, $old)
  if ($LASTEXITCODE -eq 0) { Abandon "已装的版本 $old 更新，不允许降级到 $version。" "Version $old is installed and newer; a downgrade to $version is refused." }
  if ($LASTEXITCODE -ne 1) { Abandon "不能比较版本。" "The versions could not be compared." }
}
$pip = @('-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-index', '--no-deps')
Loud "$app\Scripts\python.exe" ($pip + @('--find-links', "$here\wheels", '--require-hashes', '--requirement', "$here\requirements-$chosenPython.txt"))
if ($LASTEXITCODE -ne 0) { Abandon "安装没有完成。" "The installation did not complete." }
$wheel = (Get-ChildItem "$here\wheels\banjian-*.whl" | Select-Object -First 1).FullName
Loud "$app\Scripts\python.exe" ($pip + @($wheel))
if ($LASTEXITCODE -ne 0) { Abandon "安装没有完成。" "The installation did not complete." }
Loud "$app\Scripts\banjian.exe" @('--version') | Out-Null
if ($LASTEXITCODE -ne 0) { Abandon "程序不能启动；杀毒软件可能隔离了文件，请把 $base 加入信任后再装。" "The program does not start; an antivirus may have taken files away: trust $base, then install again." }

Get-CimInstance Win32_Process -Filter "Name = 'pythonw.exe'" | Where-Object { $_.CommandLine -like '*stations*serve*' } | ForEach-Object { Stop-Process -Id $_.ProcessId }
[IO.File]::WriteAllText($kept, "$text`r`n")
Set-Content -LiteralPath $marker @($version, $name)
Set-Content -LiteralPath "$base\banjian.cmd" "@`"%~dp0$name\Scripts\banjian.exe`" %*"
if ($current -like "app-$version*" -and $current -ne $name) { Remove-Item -LiteralPath "$base\$current" -Recurse -Force -ErrorAction SilentlyContinue }

# The shortcut in the folder Startup starts it after each sign-in; pythonw shows no window.
$arguments = "-m stations serve `"$($chosen.data)`" --port $($chosen.port)"
Set-Content -LiteralPath "$([Environment]::GetFolderPath('Desktop'))\办件.url" "[InternetShortcut]`r`nURL=http://127.0.0.1:$($chosen.port)/"
if ($chosen.service -eq 'yes') {
  $link = $shell.CreateShortcut($shortcut)
  $link.TargetPath = "$app\Scripts\pythonw.exe"
  $link.Arguments = $arguments
  $link.WorkingDirectory = $base
  $link.Save()
} elseif (Test-Path -LiteralPath $shortcut) {
  Remove-Item -LiteralPath $shortcut
}
Start-Process "$app\Scripts\pythonw.exe" -ArgumentList $arguments -WorkingDirectory $base
Write-Host "√ 办件 $version 已装好。桌面上的「办件」打开 http://127.0.0.1:$($chosen.port)/；台账在 $($chosen.data)" -ForegroundColor Green
Write-Host "banjian $version is installed; the icon on the desktop opens http://127.0.0.1:$($chosen.port)/; the ledger lies in $($chosen.data)"
