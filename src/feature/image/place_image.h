/* Putting a picture somewhere in another one: what crop, pad and letterbox share. */
#ifndef QN_FEATURE_IMAGE_PLACE_IMAGE_H
#define QN_FEATURE_IMAGE_PLACE_IMAGE_H

#include "feature/image/picture.h"

/* What lies outside of a picture, by NumPy's names. */
typedef enum qn_border { QN_BORDER_CONSTANT, QN_BORDER_EDGE, QN_BORDER_REFLECT, QN_BORDER_SYMMETRIC } qn_border;
#define QN_BORDERS "constant|edge|reflect|symmetric"

/* A parameter `value`: one number or one for each channel. */
#define QN_PARAM_FILL {"value", QN_PARAM_NUMBERS, .least = -1e9, .most = 1e9, .least_count = 1, .most_count = 4}
/* Fails when it has numbers for other channels than the picture's. */
qn_status qn_fill_plan(const qn_stage *s, const qn_setting *value, const qn_picture *in, qn_error *err);
/* A pixel of these numbers (`none` when none are given) in the picture's type; returns its size. */
size_t qn_fill_pixel(const qn_setting *value, double none, const qn_picture *in, char pixel[16]);

/* dst[y][x] = in[y − top][x − left]. dst: [height, width, channels] of the picture's type, caller owns; pixel: of a constant border. */
void qn_place_image(const qn_picture *in, int32_t left, int32_t top, qn_border border, const char *pixel, void *dst, int32_t height, int32_t width);

#endif
