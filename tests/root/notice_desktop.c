/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A desktop that takes notifications: owns org.freedesktop.Notifications on
 * the bus ADDRESS and prints each, fields behind each other with tabs:
 * uid of the sender, application, title, urgency, milliseconds, text.
 * Runs in tests as the user whose desktop it is.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

static int
on_notify(sd_bus_message *m, void *arg, sd_bus_error *error)
{
	const char *app, *icon, *title, *text, *key;
	sd_bus_creds *who = NULL;
	uid_t uid = (uid_t)-1;
	uint8_t urgency = 0;
	uint32_t replaces;
	int32_t ms;
	int rc;

	(void)arg, (void)error;
	rc = sd_bus_message_read(m, "susss", &app, &replaces, &icon, &title,
	    &text);
	if (rc >= 0)
		rc = sd_bus_message_skip(m, "as");
	if (rc >= 0)
		rc = sd_bus_message_read(m, "a{sv}i", 1, &key, "y", &urgency,
		    &ms);
	if (rc < 0 || strcmp(key, "urgency") != 0)
		return rc < 0 ? rc : -1;
	if (sd_bus_query_sender_creds(m, SD_BUS_CREDS_EUID, &who) >= 0)
		sd_bus_creds_get_euid(who, &uid);
	sd_bus_creds_unref(who);
	printf("%u\t%s\t%s\t%u\t%" PRId32 "\t", (unsigned int)uid, app, title,
	    urgency, ms);
	for (; *text != '\0'; text++)
		putchar(*text == '\n' ? '|' : *text);
	putchar('\n');
	fflush(stdout);
	return sd_bus_reply_method_return(m, "u", 1);
}

static const sd_bus_vtable vtable[] = {
	SD_BUS_VTABLE_START(0),
	SD_BUS_METHOD("Notify", "susssasa{sv}i", "u", on_notify,
	    SD_BUS_VTABLE_UNPRIVILEGED),
	SD_BUS_VTABLE_END,
};

int
main(int argc, char **argv)
{
	sd_bus *bus = NULL;
	int rc = argc == 2 ? sd_bus_new(&bus) : -1;

	if (rc >= 0)
		rc = sd_bus_set_address(bus, argv[1]);
	if (rc >= 0)
		rc = sd_bus_set_bus_client(bus, 1);
	if (rc >= 0)
		rc = sd_bus_start(bus);
	if (rc >= 0)
		rc = sd_bus_add_object_vtable(bus, NULL,
		    "/org/freedesktop/Notifications",
		    "org.freedesktop.Notifications", vtable, NULL);
	if (rc >= 0)
		rc = sd_bus_request_name(bus,
		    "org.freedesktop.Notifications", 0);
	if (rc >= 0)
		puts("ready");
	fflush(stdout);
	while (rc >= 0) {
		rc = sd_bus_process(bus, NULL);
		if (rc == 0)
			rc = sd_bus_wait(bus, UINT64_MAX);
	}
	fprintf(stderr, "desktop: %s\n", strerror(-rc));
	return 1;
}
