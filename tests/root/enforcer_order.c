/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Orders, made of the words of a test. */
#include "tests/root/enforcer_driver.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "common/base/id.h"
#include "common/wire/order.h"
#include "tests/root/driver.h"

/* [out/|in/][tcp/|udp/]ADDRESS[/PREFIX]:PORT, IPv6 in brackets */
static void
add_endpoint(struct endpoints *e, char *text)
{
	Cordon__Endpoint *p = &e->list[e->n];
	char *port, *slash, *host;

	cordon__endpoint__init(p);
	p->direction = CORDON__DIRECTION__DIRECTION_OUT;
	p->protocol = 6;
	if (strncmp(text, "in/", 3) == 0) {
		p->direction = CORDON__DIRECTION__DIRECTION_IN;
		text += 3;
	} else if (strncmp(text, "out/", 4) == 0) {
		text += 4;
	}
	if (strncmp(text, "udp/", 4) == 0)
		p->protocol = 17;
	if (strncmp(text, "udp/", 4) == 0 || strncmp(text, "tcp/", 4) == 0)
		text += 4;
	port = strrchr(text, ':');
	if (port == NULL)
		die("endpoint", NULL);
	*port++ = '\0';
	p->port = (uint32_t)atoi(port);
	host = text[0] == '[' ? text + 1 : text;
	host[strcspn(host, "]")] = text[0] == '[' ? '\0' :
	    host[strcspn(host, "]")];
	slash = strchr(host, '/');
	if (slash != NULL)
		*slash++ = '\0';
	p->address.data = e->address[e->n];
	p->address.len = strchr(host, ':') != NULL ? 16 : 4;
	if (inet_pton(p->address.len == 16 ? AF_INET6 : AF_INET, host,
	    p->address.data) != 1)
		die(host, NULL);
	p->prefix_len = slash != NULL ? (uint32_t)atoi(slash) :
	    (uint32_t)p->address.len * 8;
	e->at[e->n] = p;
	e->n++;
}

void
add_endpoints(struct endpoints *e, char *text)
{
	char *save, *one;

	for (one = strtok_r(text, ",", &save); one != NULL;
	    one = strtok_r(NULL, ",", &save))
		add_endpoint(e, one);
}

struct order {
	Cordon__OrderBody body;
	Cordon__DeadMan deadman;
	struct endpoints collectors, allowed, probes;
	char order_id[ID_MAX];
	uint8_t hash[DIGEST_LEN];
	const char *save;
	bool forge, quiet;
};

static void
set_field(struct order *o, const char *name, char *value)
{
	static const char *const profiles[] = {"none", "open", "strict",
	    "recovery", "limited"};
	Cordon__OrderBody *b = &o->body;
	char *colon = strchr(value, ':');
	int i;

	if (strcmp(name, "profile") == 0) {
		for (i = 0; i < 5; i++)
			if (strcmp(profiles[i], value) == 0)
				b->profile = (Cordon__Profile)i;
	} else if (strcmp(name, "epoch") == 0) {
		b->epoch = strtoull(value, NULL, 10);
	} else if (strcmp(name, "collectors") == 0) {
		add_endpoints(&o->collectors, value);
	} else if (strcmp(name, "allowed") == 0) {
		add_endpoints(&o->allowed, value);
	} else if (strcmp(name, "probes") == 0) {
		add_endpoints(&o->probes, value);
	} else if (strcmp(name, "confirm") == 0) {
		b->confirm_seconds = (uint32_t)atoi(value);
		digest_of(colon + 1, strlen(colon + 1), o->hash);
		b->confirm_hash.data = o->hash;
		b->confirm_hash.len = DIGEST_LEN;
	} else if (strcmp(name, "deadman") == 0) {
		b->deadman = &o->deadman;
		o->deadman.after_seconds = (uint32_t)atoi(value);
		o->deadman.then = colon[1] == 'o' ?
		    CORDON__DEAD_MAN_THEN__DEADMAN_OPEN : colon[1] == 'r' ?
		    CORDON__DEAD_MAN_THEN__DEADMAN_RECOVERY :
		    CORDON__DEAD_MAN_THEN__DEADMAN_STAY;
	} else if (strcmp(name, "mode") == 0) {
		b->mode = value[0] == 'd' ? CORDON__MODE__MODE_DRILL_DRY :
		    value[0] == 'c' ? CORDON__MODE__MODE_DRILL_COUNT :
		    CORDON__MODE__MODE_DRILL_LIVE;
		b->drill_minutes = colon != NULL ?
		    (uint32_t)atoi(colon + 1) : 0;
	} else if (strcmp(name, "restore") == 0) {
		b->review_then = CORDON__REVIEW_THEN__REVIEW_RESTORE;
		b->review_by_ms = b->issued_at_ms + atoll(value);
	} else if (strcmp(name, "before") == 0) {
		b->issued_at_ms -= 3600000;
		b->deliver_before_ms = clock_wall_ms() + atoll(value);
	} else if (strcmp(name, "host") == 0) {
		b->host_id = value;
	} else if (strcmp(name, "save") == 0) {
		o->save = value;
	} else if (strcmp(name, "forge") == 0) {
		o->forge = true;
	} else if (strcmp(name, "quiet") == 0) {
		o->quiet = true;
	} else {
		die(name, NULL);
	}
}

bool
order_of(char *words, const char *host, struct sign_key *key,
    struct buf *out)
{
	struct sign_key *other = NULL;
	struct order *o = calloc(1, sizeof(*o));
	char *save, *word, *equals;
	uint8_t *bytes;
	struct why why;
	size_t len;
	bool send;

	if (o == NULL)
		die("order", NULL);
	cordon__order_body__init(&o->body);
	cordon__dead_man__init(&o->deadman);
	id_new(o->order_id, "O", 8);
	o->body.version = 1;
	o->body.host_id = (char *)(uintptr_t)host;
	o->body.order_id = o->order_id;
	o->body.plan_id = (char *)(uintptr_t)"P-TEST0001";
	o->body.issued_at_ms = clock_wall_ms();
	o->body.mode = CORDON__MODE__MODE_ENFORCE;
	o->body.review_then = CORDON__REVIEW_THEN__REVIEW_REMIND;
	o->body.review_by_ms = o->body.issued_at_ms + 86400000;
	for (word = strtok_r(words, " ", &save); word != NULL;
	    word = strtok_r(NULL, " ", &save)) {
		equals = strchr(word, '=');
		if (equals == NULL)
			die(word, NULL);
		*equals = '\0';
		set_field(o, word, equals + 1);
	}
	o->body.collectors = o->collectors.at;
	o->body.n_collectors = o->collectors.n;
	o->body.allowed = o->allowed.at;
	o->body.n_allowed = o->allowed.n;
	o->body.probes = o->probes.at;
	o->body.n_probes = o->probes.n;
	len = cordon__order_body__get_packed_size(&o->body);
	bytes = malloc(len);
	if (bytes == NULL || (o->forge && sign_key_new(&other) != 0))
		die("order", NULL);
	cordon__order_body__pack(&o->body, bytes);
	buf_clear(out);
	if (order_sign(o->forge ? other : key, bytes, len, out) != 0)
		die("sign", NULL);
	if (o->save != NULL && file_write(o->save, out->data, out->len, 0600,
	    &why) != 0)
		die("save", &why);
	printf("order\tid=%s\tepoch=%llu\n", o->order_id,
	    (unsigned long long)o->body.epoch);
	send = !o->quiet;
	sign_key_free(&other);
	free(bytes);
	free(o);
	return send;
}
