/*
 * shop.h: is there a shop here, and does it fit this library?
 */
#ifndef COMMERCE_BASE_SHOP_H
#define COMMERCE_BASE_SHOP_H

#define COMMERCE_VERSION "0.1"

/* The NOLOGIN role that owns the shop's tables and the definer functions. */
#define COMMERCE_OWNER "commerce_owner"

extern void commerce_require_shop(void);

#endif
