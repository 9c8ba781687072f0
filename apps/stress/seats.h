/* SPDX-License-Identifier: MIT */

/*
 * Who sits where in apps/stress, and which messages each seat owes. Knows nothing of RingSocket but
 * that a client has a number which is not 0.
 */

#ifndef STRESS_SEATS_H
#define STRESS_SEATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SEATS_MAX 1024
/* Messages of one client that have not come back. */
#define AWAITED_MAX 256

struct awaited {
    uint64_t id;
    uint32_t size;
};

struct seat {
    uint64_t client; /* 0 if nobody sits here */
    uint64_t named;  /* the last message whose ask has named this seat */
    uint64_t sent;
    uint64_t returned;
    struct awaited *awaited; /* a queue of AWAITED_MAX places, the oldest at `first` */
    size_t first;
    size_t awaited_c;
};

struct sitter {
    uint64_t client;
    size_t seat;
};

struct seats {
    struct seat all[SEATS_MAX];
    struct sitter sitters[SEATS_MAX]; /* by client */
    size_t sitter_c;
};

/* The place of a client among the sitters, or where it would be. */
static inline size_t place_of(const struct seats *seats, uint64_t client)
{
    size_t from = 0;
    size_t to = seats->sitter_c;

    while (from < to) {
        const size_t middle = (from + to) / 2;
        if (seats->sitters[middle].client < client) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

/* The seat of a client. NULL if it has none. */
static inline struct seat *seat_of(struct seats *seats, uint64_t client)
{
    const size_t place = place_of(seats, client);
    const bool is_here = place < seats->sitter_c && seats->sitters[place].client == client;

    return is_here ? seats->all + seats->sitters[place].seat : NULL;
}

static inline size_t number_of(const struct seats *seats, const struct seat *seat)
{
    return (size_t) (seat - seats->all);
}

/* Gives a client the first free seat. NULL if there is none, or no memory for it. */
static inline struct seat *sit_down(struct seats *seats, uint64_t client)
{
    struct seat *seat = seats->all;

    while (seat < seats->all + SEATS_MAX && seat->client != 0) {
        seat++;
    }
    if (seat == seats->all + SEATS_MAX) {
        return NULL;
    }
    /* Kept for who sits here next. */
    if (seat->awaited == NULL) {
        seat->awaited = calloc(AWAITED_MAX, sizeof(*seat->awaited));
        if (seat->awaited == NULL) {
            return NULL;
        }
    }
    *seat = (struct seat) { .client = client, .awaited = seat->awaited };

    struct sitter *const place = seats->sitters + place_of(seats, client);
    struct sitter *const end = seats->sitters + seats->sitter_c++;
    memmove(place + 1, place, (size_t) (end - place) * sizeof(*place));
    *place = (struct sitter) { .client = client, .seat = number_of(seats, seat) };
    return seat;
}

static inline void stand_up(struct seats *seats, struct seat *seat)
{
    struct sitter *const place = seats->sitters + place_of(seats, seat->client);
    struct sitter *const end = seats->sitters + seats->sitter_c--;

    memmove(place, place + 1, (size_t) (end - place - 1) * sizeof(*place));
    seat->client = 0;
}

/* There must be room. */
static inline void owe(struct seat *seat, struct awaited message)
{
    seat->awaited[(seat->first + seat->awaited_c++) % AWAITED_MAX] = message;
    seat->sent++;
}

/* How many of the messages that a seat owes come before this one; all if it is not there. */
static inline size_t ahead_of(const struct seat *seat, uint64_t id)
{
    size_t i = 0;

    while (i < seat->awaited_c && seat->awaited[(seat->first + i) % AWAITED_MAX].id != id) {
        i++;
    }
    return i;
}

/* There must be one. */
static inline struct awaited take_oldest(struct seat *seat)
{
    const struct awaited oldest = seat->awaited[seat->first];

    seat->first = (seat->first + 1) % AWAITED_MAX;
    seat->awaited_c--;
    return oldest;
}

#endif /* STRESS_SEATS_H */
