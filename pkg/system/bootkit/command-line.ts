/**
 * systemd takes files, keys and settings of the kernel from strings in the tables of the firmware (SMBIOS type 11) and of
 * QEMU, which nobody signs: systemd(1), "systemd.import_credentials".
 */
const closed = 'systemd.import_credentials=no';

/** The command line as it is signed; who names the argument has chosen. */
export const closedCommandLine = (text: string): string =>
  /(^|\s)systemd\.import_credentials=/.test(text) ? text : `${text} ${closed}`.trim();
