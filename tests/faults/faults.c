/* For LD_PRELOAD: makes one allocation of libevent's or of the glue fail, or all
 * from that one on, and accept4() fail, where a test says so.  Python's own
 * allocations are left alone: who calls is told by the return address. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct { uintptr_t from, to; } ranges[32];
static int range_count;
static long allocations; /* since faults_arm */
static long failing;     /* the number of the one that fails; 0: none does */
static int persistent;
static int armed;
static int accept_error, accept_left;

static int
note_ranges(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *name = strrchr(info->dlpi_name, '/');
	int i;

	(void)size;
	(void)arg;
	if (!name || !strstr(name, "libevent"))
		return 0;
	for (i = 0; i < info->dlpi_phnum && range_count < 32; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD && (info->dlpi_phdr[i].p_flags & PF_X)) {
			ranges[range_count].from = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			ranges[range_count].to = ranges[range_count].from + info->dlpi_phdr[i].p_memsz;
			range_count++;
		}
	return 0;
}

/* The number-th allocation from now on fails, and with forever all after it.
 * 0: none, they are only counted. */
void
faults_arm(long number, int forever)
{
	if (!range_count)
		dl_iterate_phdr(note_ranges, NULL);
	allocations = 0;
	failing = number;
	persistent = forever;
	armed = 1;
}

/* How many there were since faults_arm. */
long
faults_disarm(void)
{
	armed = 0;
	return allocations;
}

/* The next so many accepts fail with that errno. */
void
faults_accept(int error, int count)
{
	accept_error = error;
	accept_left = count;
}

static int
fails(const void *caller)
{
	int i;

	if (!armed)
		return 0;
	for (i = 0; i < range_count; i++)
		if ((uintptr_t)caller >= ranges[i].from && (uintptr_t)caller < ranges[i].to)
			break;
	if (i == range_count)
		return 0;
	allocations++;
	if (!failing || (persistent ? allocations < failing : allocations != failing))
		return 0;
	errno = ENOMEM;
	return 1;
}

/* The next definition of the function behind this one. */
#define NEXT(name) \
	static __typeof__(&name) next; \
	if (!next) \
		next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

void *
malloc(size_t size)
{
	NEXT(malloc);
	return fails(__builtin_return_address(0)) ? NULL : next(size);
}

void *
calloc(size_t count, size_t size)
{
	NEXT(calloc);
	return fails(__builtin_return_address(0)) ? NULL : next(count, size);
}

void *
realloc(void *old, size_t size)
{
	NEXT(realloc);
	return fails(__builtin_return_address(0)) ? NULL : next(old, size);
}

int
accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	NEXT(accept4);
	if (accept_left > 0) {
		accept_left--;
		errno = accept_error;
		return -1;
	}
	return next(fd, address, length, flags);
}
