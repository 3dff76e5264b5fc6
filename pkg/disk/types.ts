/** Partition types of FORMATS 8: what a machine's own disk is found by. */
export const partitionTypes = {
  esp: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  'machine-config': 'F79962B9-24E6-9948-9F94-E6BFDAD2771A',
  'machine-store': 'F79962B9-24E6-9948-9F94-E6BFDAD2771B',
  'machine-scratch': 'F79962B9-24E6-9948-9F94-E6BFDAD2771C',
} as const;

export type PartitionRole = keyof typeof partitionTypes;
