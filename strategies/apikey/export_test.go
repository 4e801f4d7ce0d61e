package apikey

var Parse = parse
