/*
 * A disk that keeps what was synced, and nothing else.
 *
 * Preloaded into a node (LD_PRELOAD), this library notes for each file of one directory what it held when it was last
 * synced, and for the directory itself which names it had when it was last synced. A test that kills the node and puts
 * the noted state in the place of the live one has cut the power, in the strictest way that POSIX allows: not even the
 * name of a new file is there before its directory was synced.
 *
 * IMAJIN_DISK_LIVE    the directory, absolute, without a slash at the end; it may not exist yet
 * IMAJIN_DISK_SYNCED  where to note: an existing directory on the same file system, with a directory `files` in it
 * IMAJIN_DISK_DEAF    the name of a file whose syncs are not noted: a disk that lies, for the test of the test
 *
 * Notes: `files/<identity>` is a file's content, `names` has the lines "<identity> <name>", and `named` is there when the
 * directory's own name is synced. An identity is made of the inode's number and its time of birth, because numbers are
 * used again. Each note appears by a rename, after the real
 * sync has succeeded and before the caller learns of it, so that it is true whenever the node dies. What it holds is
 * read before the real sync: a write that comes in between may be lost.
 *
 * Only fsync and fdatasync promise anything; sync_file_range and msync of a shared index do not, and are left alone.
 * When something cannot be noted, the process ends: a test that forgets too little proves nothing.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define IDENTITY_BYTES 96
#define CHUNK_BYTES (1 << 18)

static const char *live;
static const char *synced;
static const char *deaf;
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static char chunk[CHUNK_BYTES];

static void die(const char *what) {
    fprintf(stderr, "the disk of the test: %s: %s\n", what, strerror(errno));
    abort();
}

/* A path below the notes. */
static void note_path(char path[PATH_MAX], const char *name) {
    if (snprintf(path, PATH_MAX, "%s/%s", synced, name) >= PATH_MAX) {
        die("a path is too long");
    }
}

/* Which file this is, whatever it is called; false when it has gone. */
static bool identify(int at, const char *name, int flags, char identity[IDENTITY_BYTES], mode_t *mode) {
    struct statx known;
    if (statx(at, name, flags, STATX_TYPE | STATX_INO | STATX_BTIME, &known) != 0) {
        if (errno == ENOENT) {
            return false;
        }
        die("statx");
    }
    if (!(known.stx_mask & STATX_BTIME)) {
        errno = ENOTSUP;
        die("this file system does not know when a file was made");
    }
    *mode = known.stx_mode;
    snprintf(identity, IDENTITY_BYTES, "%llu-%lld-%u", (unsigned long long)known.stx_ino,
             (long long)known.stx_btime.tv_sec, known.stx_btime.tv_nsec);
    return true;
}

static void write_all(int to, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(to, bytes, length);
        if (written < 0) {
            die("write");
        }
        bytes += written;
        length -= (size_t)written;
    }
}

/* Copies what the file holds now to `draft`. Never opens a database a second time: closing that would let go of the
 * locks which this process has on it. */
static void file_draft(int fd, const char *draft) {
    int from = fd;
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
        char self[64];
        snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
        from = open(self, O_RDONLY | O_CLOEXEC);
        if (from < 0) {
            die(self);
        }
    }
    int to = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) {
        die(draft);
    }
    off_t at = 0;
    for (;;) {
        ssize_t got = pread(from, chunk, sizeof chunk, at);
        if (got < 0) {
            die("pread");
        }
        if (got == 0) {
            break;
        }
        write_all(to, chunk, (size_t)got);
        at += got;
    }
    close(to);
    if (from != fd) {
        close(from);
    }
}

/* Writes which names the directory has now. `visit` is called for each file. */
static void names_draft(const char *draft, void (*visit)(int at, const char *name, const char *identity)) {
    FILE *to = fopen(draft, "we");
    if (to == NULL) {
        die(draft);
    }
    DIR *directory = opendir(live);
    if (directory == NULL && errno != ENOENT) {
        die(live);
    }
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        char identity[IDENTITY_BYTES];
        mode_t mode;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            !identify(dirfd(directory), entry->d_name, AT_SYMLINK_NOFOLLOW, identity, &mode)) {
            continue;
        }
        // What is in folders is lost whole, see disk.rs.
        if (S_ISDIR(mode)) {
            continue;
        }
        if (!S_ISREG(mode)) {
            errno = EISDIR;
            die(entry->d_name);
        }
        fprintf(to, "%s %s\n", identity, entry->d_name);
        if (visit != NULL) {
            visit(dirfd(directory), entry->d_name, identity);
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    if (fclose(to) != 0) {
        die(draft);
    }
}

static void baseline_file(int at, const char *name, const char *identity) {
    char path[PATH_MAX];
    char below[IDENTITY_BYTES + 8];
    snprintf(below, sizeof below, "files/%s", identity);
    note_path(path, below);
    int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        die(name);
    }
    file_draft(fd, path);
    close(fd);
}

/* The directory has its name, for good. */
static void named_note(void) {
    char path[PATH_MAX];
    note_path(path, "named");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        die(path);
    }
    close(fd);
}

/* After the power comes back, what is on the disk is on the disk. */
__attribute__((constructor)) static void begin(void) {
    live = getenv("IMAJIN_DISK_LIVE");
    synced = getenv("IMAJIN_DISK_SYNCED");
    deaf = getenv("IMAJIN_DISK_DEAF");
    if (live == NULL || synced == NULL) {
        live = NULL;
        return;
    }
    char names[PATH_MAX];
    char draft[PATH_MAX];
    note_path(names, "names");
    note_path(draft, "draft");
    if (access(names, F_OK) != 0) {
        names_draft(draft, baseline_file);
        if (access(live, F_OK) == 0) {
            named_note();
        }
        if (rename(draft, names) != 0) {
            die(names);
        }
    }
}

/* What a descriptor has to do with the directory. */
enum place {
    ELSEWHERE,
    /* The directory in which the directory is. */
    ABOVE,
    /* The directory itself. */
    HERE,
    /* A file in it that still has a name. */
    BELOW,
};

static enum place place_of(int fd) {
    char self[64];
    char path[PATH_MAX];
    static const char gone[] = " (deleted)";
    if (live == NULL) {
        return ELSEWHERE;
    }
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(self, path, sizeof path - 1);
    if (length < 0) {
        return ELSEWHERE;
    }
    path[length] = '\0';
    size_t above = (size_t)(strrchr(live, '/') - live);
    if ((size_t)length == above && strncmp(path, live, above) == 0) {
        return ABOVE;
    }
    size_t prefix = strlen(live);
    if (strncmp(path, live, prefix) != 0 || (path[prefix] != '/' && path[prefix] != '\0')) {
        return ELSEWHERE;
    }
    if (path[prefix] == '\0') {
        return HERE;
    }
    size_t suffix = sizeof gone - 1;
    bool is_gone = (size_t)length >= suffix && strcmp(path + length - suffix, gone) == 0;
    struct stat known;
    bool is_folders = strchr(path + prefix + 1, '/') != NULL || (fstat(fd, &known) == 0 && S_ISDIR(known.st_mode));
    bool is_unheard = deaf != NULL && strcmp(path + prefix + 1, deaf) == 0;
    return is_gone || is_folders || is_unheard ? ELSEWHERE : BELOW;
}

/* Writes a draft of what a sync will make durable, and says what the draft is to be called. */
static void draft_write(int fd, enum place place, const char *draft, char final[PATH_MAX]) {
    char identity[IDENTITY_BYTES];
    char below[IDENTITY_BYTES + 8];
    mode_t mode;
    if (place == HERE) {
        note_path(final, "names");
        names_draft(draft, NULL);
        return;
    }
    if (!identify(fd, "", AT_EMPTY_PATH, identity, &mode)) {
        die("an open file has gone");
    }
    snprintf(below, sizeof below, "files/%s", identity);
    note_path(final, below);
    file_draft(fd, draft);
}

static int sync_and_note(int fd, const char *symbol) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, symbol);
    if (real == NULL) {
        die(symbol);
    }
    enum place place = place_of(fd);
    if (place == ELSEWHERE) {
        return real(fd);
    }
    char draft[PATH_MAX];
    char final[PATH_MAX];
    pthread_mutex_lock(&one_at_a_time);
    bool has_name = access(live, F_OK) == 0;
    note_path(draft, "draft");
    if (place != ABOVE) {
        draft_write(fd, place, draft, final);
    }
    int result = real(fd);
    int error = errno;
    if (result == 0 && place == ABOVE && has_name) {
        named_note();
    }
    if (result == 0 && place != ABOVE && rename(draft, final) != 0) {
        die(final);
    }
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return result;
}

int fsync(int fd) {
    return sync_and_note(fd, "fsync");
}

int fdatasync(int fd) {
    return sync_and_note(fd, "fdatasync");
}
