# SPDX-License-Identifier: GPL-3.0-or-later
# Installing into a folder, and Debian packages from it.

DESTDIR ?=
P := packaging/common
DEB_VERSION := $(VERSION)-1

.PHONY: install install-agent install-collector install-ctl deb
install: install-agent install-collector install-ctl

define put
install -D -m $(1) $(2) $(DESTDIR)$(3)

endef

install-agent: all
	$(call put,0755,$(BUILD)/bin/cordon-agent,/usr/sbin/cordon-agent)
	$(foreach p,parent network enforcer sensors notice $(GUARD),$(call put,0755,$(BUILD)/bin/agent-$(p),/usr/lib/cordon/agent-$(p)))
	$(call put,0644,$(P)/agent.conf,/etc/cordon/agent.conf)
	install -d $(DESTDIR)/etc/issue.d
	ln -sf /run/issue.d/cordon.issue $(DESTDIR)/etc/issue.d/cordon.issue
	$(call put,0644,$(P)/systemd/cordon-agent.service,/usr/lib/systemd/system/cordon-agent.service)
	$(call put,0644,$(P)/systemd/cordon-agent-restore.service,/usr/lib/systemd/system/cordon-agent-restore.service)
	$(call put,0644,$(P)/systemd/cordon-agent-canary.service,/usr/lib/systemd/system/cordon-agent-canary.service)
	$(call put,0644,$(P)/systemd/cordon-agent-canary.timer,/usr/lib/systemd/system/cordon-agent-canary.timer)
	$(call put,0644,$(P)/sysusers/cordon-agent.conf,/usr/lib/sysusers.d/cordon-agent.conf)
	$(call put,0644,$(P)/tmpfiles/cordon-agent.conf,/usr/lib/tmpfiles.d/cordon-agent.conf)
	$(call put,0644,$(P)/man/cordon-agent.8,/usr/share/man/man8/cordon-agent.8)
	$(call put,0644,$(P)/man/agent.conf.5,/usr/share/man/man5/cordon-agent.conf.5)
	$(call put,0644,$(P)/completion/cordon-agent,/usr/share/bash-completion/completions/cordon-agent)
	$(call put,0644,LICENSE,/usr/share/doc/cordon-agent/copyright)

install-collector: all
	$(call put,0755,$(BUILD)/bin/cordon-collector,/usr/sbin/cordon-collector)
	$(call put,0755,$(BUILD)/bin/cordon-signer,/usr/sbin/cordon-signer)
	$(call put,0644,$(P)/collector.conf,/etc/cordon/collector.conf)
	$(call put,0644,$(P)/policy.conf,/etc/cordon/policy.conf)
	$(call put,0644,$(P)/systemd/cordon-collector.service,/usr/lib/systemd/system/cordon-collector.service)
	$(call put,0644,$(P)/systemd/cordon-signer.service,/usr/lib/systemd/system/cordon-signer.service)
	$(call put,0644,$(P)/sysusers/cordon-collector.conf,/usr/lib/sysusers.d/cordon-collector.conf)
	$(call put,0644,$(P)/tmpfiles/cordon-collector.conf,/usr/lib/tmpfiles.d/cordon-collector.conf)
	$(call put,0644,$(P)/man/cordon-collector.8,/usr/share/man/man8/cordon-collector.8)
	$(call put,0644,$(P)/man/cordon-signer.8,/usr/share/man/man8/cordon-signer.8)
	$(call put,0644,$(P)/man/collector.conf.5,/usr/share/man/man5/cordon-collector.conf.5)
	$(call put,0644,$(P)/man/policy.conf.5,/usr/share/man/man5/cordon-policy.conf.5)
	$(call put,0644,$(P)/completion/cordon-collector,/usr/share/bash-completion/completions/cordon-collector)
	$(call put,0644,$(P)/completion/cordon-collector,/usr/share/bash-completion/completions/cordon-signer)
	$(call put,0644,LICENSE,/usr/share/doc/cordon-collector/copyright)

install-ctl: all
	$(call put,0755,$(BUILD)/bin/cordonctl,/usr/bin/cordonctl)
	$(call put,0644,$(P)/cordonctl.conf,/usr/share/doc/cordonctl/examples/cordonctl.conf)
	$(call put,0644,$(P)/man/cordonctl.1,/usr/share/man/man1/cordonctl.1)
	$(call put,0644,$(P)/man/cordon-signals.7,/usr/share/man/man7/cordon-signals.7)
	$(call put,0644,$(P)/completion/cordonctl,/usr/share/bash-completion/completions/cordonctl)
	$(call put,0644,LICENSE,/usr/share/doc/cordonctl/copyright)

# After a change of common/base/kinds.c; a unit test asks for it.
.PHONY: kinds-page
kinds-page: $(BUILD)/bin/cordonctl
	$(PYTHON) tests/lib/kinds_page.py $< > $(BUILD)/cordon-signals.7
	mv $(BUILD)/cordon-signals.7 $(P)/man/cordon-signals.7

deb: all
	@packaging/deb/build.sh $(BUILD) $(DEB_VERSION)
