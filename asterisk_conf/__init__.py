"""The PBX: how Asterisk is installed, configured and kept running.

Start reading at:

* `asterisk_conf.installer`: the private Asterisk in the cache (`install`, `find`), or the host's own;
* `asterisk_conf.render`: the configuration files, one readable template per Asterisk module;
* `asterisk_conf.secrets`: what Asterisk, the service and the phones share, made once;
* `asterisk_conf.modules`: the allow-list of Asterisk modules;
* `asterisk_conf.music`: what waiting callers hear when the installation has no music;
* `asterisk_conf.process`: one Asterisk process of a deployment: start, find again, control, stop;
* `asterisk_conf.errors`: what can go wrong, each with its remedy.
"""
