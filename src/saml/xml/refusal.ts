// Why XML was not read: a stable code, and never a word of what it said.

export type XmlReason =
  | 'xml_attributes'
  | 'xml_base64'
  | 'xml_cdata'
  | 'xml_comment'
  | 'xml_deflate'
  | 'xml_depth'
  | 'xml_doctype'
  | 'xml_elements'
  | 'xml_encoding'
  | 'xml_entity'
  | 'xml_id'
  | 'xml_malformed'
  | 'xml_namespace'
  | 'xml_processing_instruction'
  | 'xml_size';

export class XmlRefusal extends Error {
  constructor(readonly reason: XmlReason) {
    super(reason);
  }
}
