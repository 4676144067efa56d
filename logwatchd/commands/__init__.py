"""What each verb of the command line does; every module is imported only when its verb is used."""
