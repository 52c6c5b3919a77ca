@echo off
rem Installs banjian for this user, without administrator rights and without internet.
powershell -NoProfile -ExecutionPolicy Bypass -File "%~dp0install.ps1" %*
pause
