// SPDX-License-Identifier: GPL-2.0-only
/*
 * A line that may sleep, read in an interrupt (chapter 15). It is line 0 of a chip "sim", which
 * gpio-sim makes:
 *
 *	cd /sys/kernel/config/gpio-sim; mkdir -p a/b; echo 1 >a/b/num_lines; echo sim >a/b/label; echo 1 >a/live
 *	insmod /modules/gpio_asleep.ko; echo pull-up >/sys/devices/platform/gpio-sim.0/gpiochip0/sim_gpio0/pull
 */
#include <linux/gpio/consumer.h>
#include <linux/gpio/machine.h>
#include <linux/interrupt.h>
#include <linux/module.h>

static struct gpio_desc *line;
static int irq;

/* ANCHOR: asleep */
static irqreturn_t asleep_edge(int irq, void *data)
{
	pr_info("the line is %d\n", gpiod_get_value(line));
	return IRQ_HANDLED;
}
/* ANCHOR_END: asleep */

static struct gpiod_lookup_table asleep_lines = {
	.table = {
		GPIO_LOOKUP("sim", 0, "button", GPIO_ACTIVE_HIGH),
		{ }
	},
};

static int __init asleep_init(void)
{
	int ret;

	gpiod_add_lookup_table(&asleep_lines);
	line = gpiod_get(NULL, "button", GPIOD_IN);
	ret = PTR_ERR_OR_ZERO(line);
	if (ret)
		goto err_lines;
	irq = gpiod_to_irq(line);
	ret = irq;
	if (ret < 0)
		goto err_line;
	ret = request_irq(irq, asleep_edge, IRQF_TRIGGER_RISING, "asleep", &line);
	if (ret)
		goto err_line;
	return 0;

err_line:
	gpiod_put(line);
err_lines:
	gpiod_remove_lookup_table(&asleep_lines);
	return ret;
}

static void __exit asleep_exit(void)
{
	free_irq(irq, &line);
	gpiod_put(line);
	gpiod_remove_lookup_table(&asleep_lines);
}

module_init(asleep_init);
module_exit(asleep_exit);

MODULE_DESCRIPTION("Reads a line that may sleep in an interrupt");
MODULE_LICENSE("GPL");
