@echo off
rem Installs banjian for this user, without administrator rights and without internet. 为当前用户安装办件，不需要管理员权限，不需要互联网。
powershell -NoProfile -ExecutionPolicy Bypass -File "%~dp0install.ps1" %*
pause
