"""Joining a county: requests and answers, the newcomer's side, the county's, a registrar's acts."""
