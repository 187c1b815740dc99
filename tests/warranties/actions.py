from orchestration.actions import Action, failed, register


@register
class RegisterWarranty(Action):
    """Registers each warranty with its maker, who takes serials of letters only."""

    key, label, level = "register_warranty", "Register warranty", "warranty"
    success, failure = "warranty.registered", "warranty.refused"
    any_failure = "order.changed"

    def run(self, batch):
        return {
            warranty.pk: failed("bad_serial", f"{warranty.serial} is no serial.")
            for _, warranty in batch.records()
            if not warranty.serial.isalpha()
        }
